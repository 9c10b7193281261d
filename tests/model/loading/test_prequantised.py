"""Folders that were quantised before are served, or refused in one line that says what to take."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from model.errors import ConfigError
from model.loading.architectures import folder_refusal
from model.loading.base import no_progress, resolve_base
from model.loading.prequantised import quantisation_refusal
from model.loading.quantised import load_quantised
from tests.fakes.tiny_model import make_tiny

REFUSED = {
    "GPTQ": {"quant_method": "gptq", "bits": 4},
    "AWQ": {"quant_method": "awq", "bits": 4, "version": "gemm"},
    "FP8": {"quant_method": "fp8"},
    "compressed-tensors": {"quant_method": "compressed-tensors", "format": "pack-quantized"},
    "HQQ": {"quant_method": "hqq"},
    "torchao": {"quant_method": "torchao", "quant_type": "int4_weight_only"},
    "'brand-new'": {"quant_method": "brand-new"},
    "a method without a name": {"bits": 3},
    "bitsandbytes' 8 bits": {"quant_method": "bitsandbytes", "load_in_8bit": True},
    "bitsandbytes' 'int4'": {
        "quant_method": "bitsandbytes",
        "load_in_4bit": True,
        "bnb_4bit_quant_type": "int4",
    },
}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> Path:
    return make_tiny(tmp_path_factory.mktemp("before") / "tiny")


@pytest.fixture
def folder(tiny, tmp_path) -> Path:
    return Path(shutil.copytree(tiny, tmp_path / "tiny"))


def refusal(folder: Path) -> str:
    base = resolve_base(str(folder), folder, no_progress)
    with pytest.raises(ConfigError) as refused:
        load_quantised(base, compute_dtype=torch.float32, trainable=False)
    text = str(refused.value)
    assert len(text.splitlines()) == 1
    return text


@pytest.mark.parametrize("name", REFUSED)
def test_a_method_that_does_not_run_is_named_with_what_to_take(folder, name):
    path = folder / "config.json"
    path.write_text(
        json.dumps(json.loads(path.read_text()) | {"quantization_config": REFUSED[name]})
    )
    text = refusal(folder)
    assert text.startswith(f"tiny is quantised with {name}, which does not run here")
    assert "16 bits" in text
    assert text == folder_refusal(str(folder)), "the doctor says the same"


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"quantization_config": None},
        {"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}},
        {"quantization_config": {"_load_in_4bit": True, "bnb_4bit_quant_type": "fp4"}},
    ],
)
def test_sixteen_bits_and_bitsandbytes_4_bits_are_served(fields):
    assert quantisation_refusal("m", fields) is None


@pytest.mark.parametrize("field", ["quantization_config", "compression_config"])
def test_something_else_in_its_place_is_refused(field):
    assert "does not tell" in str(quantisation_refusal("m", {field: "q4"}))


def test_pickled_weights_are_refused_with_how_to_convert_them(folder):
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")
    text = refusal(folder)
    assert ".bin weights only" in text
    assert "save_pretrained" in text
