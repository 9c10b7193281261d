"""Models of unusual sizes and kinds give the logits of transformers' own forward pass."""

from pathlib import Path
from typing import Any

import pytest
import torch
from bitsandbytes.nn.modules import Linear4bit
from transformers import AutoModelForCausalLM, BitsAndBytesConfig, LlamaConfig, LlamaForCausalLM

from model.assembly import longest_context, stack_adapters
from model.engine.batch import BatchRow
from model.loading.base import no_progress, resolve_base
from model.loading.quantised import check_architecture, load_quantised
from model.runner.eager import TorchRunner
from model.runner.weights import Compute, take_weights
from tests.fakes.tiny_model import SIZES, make_tiny, tiny_tokenizer

CPU = torch.device("cpu")
IDS = [5 + (7 * i) % 250 for i in range(40)]
EXACT = [Compute.NF4, Compute.FLOAT32]


def own_logits(folder: Path, compute: Compute, ids: list[int], context: int = 512) -> torch.Tensor:
    """The worker's logits after `ids`, read in two chunks."""
    base = resolve_base(str(folder), folder, no_progress)
    config = check_architecture(base)
    model, _ = load_quantised(base, compute_dtype=torch.float32, trainable=False)
    weights = take_weights(model, compute, longest_context(config, context))
    runner = TorchRunner(weights, stack_adapters([], config, weights), cache_tokens=1024)
    half = len(ids) // 2
    runner.forward([BatchRow("a", None, ids[:half], 0, 0, samples=False)])
    return runner.forward([BatchRow("a", None, ids[half:], half, 0, samples=True)])[0]


def reference(folder: Path, ids: list[int], **options: object) -> torch.Tensor:
    model: Any = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, device_map={"": CPU}, **options
    )
    for module in model.modules():
        if isinstance(module, Linear4bit):
            module.support_avx512bf16_for_cpu = False
    with torch.inference_mode():
        return model.eval()(torch.tensor([ids])).logits[0, -1]


def nf4(**options: Any) -> BitsAndBytesConfig:
    chosen = {"bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": True} | options
    return BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_compute_dtype=torch.float32, **chosen)


@pytest.mark.parametrize("compute", EXACT)
@pytest.mark.parametrize(
    "sizes",
    [
        {"hidden_size": 96},
        {"hidden_size": 80, "intermediate_size": 200},
        {"hidden_size": 72, "intermediate_size": 100, "head_dim": 10},
        {"intermediate_size": 176},
    ],
)
@pytest.mark.filterwarnings("ignore:.*blocksize.*:UserWarning")
def test_blocks_that_cross_rows(tmp_path, sizes, compute):
    folder = make_tiny(tmp_path / "tiny", **sizes)
    expected = reference(folder, IDS, quantization_config=nf4())
    torch.testing.assert_close(own_logits(folder, compute, IDS), expected, rtol=1e-3, atol=1e-3)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> Path:
    return make_tiny(tmp_path_factory.mktemp("kinds") / "tiny")


@pytest.mark.parametrize("compute", EXACT)
@pytest.mark.parametrize(
    "options",
    [
        {"bnb_4bit_quant_type": kind, "bnb_4bit_use_double_quant": double}
        for kind in ("nf4", "fp4")
        for double in (False, True)
    ]
    + [
        {"llm_int8_skip_modules": ["lm_head", "layers.1.mlp"]},
        {"llm_int8_skip_modules": ["lm_head", "q_proj", "up_proj"]},
        {"bnb_4bit_quant_storage": torch.bfloat16},
    ],
)
def test_folders_in_bitsandbytes_4_bits(tiny, tmp_path, options, compute):
    folder = tmp_path / "before"
    made: Any = AutoModelForCausalLM.from_pretrained(
        tiny, quantization_config=nf4(**options), dtype=torch.float32, device_map={"": CPU}
    )
    made.save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    expected = reference(folder, IDS)
    torch.testing.assert_close(own_logits(folder, compute, IDS), expected, rtol=1e-3, atol=1e-3)


@pytest.fixture(scope="module")
def longrope(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("kinds") / "longrope"
    rope = {
        "rope_type": "longrope",
        "rope_theta": 10_000.0,
        "short_factor": [1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7],
        "long_factor": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0],
        "original_max_position_embeddings": 64,
        "factor": 8.0,
    }
    torch.manual_seed(0)
    tokenizer = tiny_tokenizer()
    config = LlamaConfig(**SIZES, vocab_size=len(tokenizer), rope_parameters=rope)
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def test_longrope_is_served_to_its_original_context(longrope):
    config = check_architecture(resolve_base(str(longrope), longrope, no_progress))
    assert longest_context(config, 512) == 64
    expected = reference(longrope, IDS, quantization_config=nf4())
    got = own_logits(longrope, Compute.NF4, IDS)
    torch.testing.assert_close(got, expected, rtol=1e-3, atol=1e-3)
