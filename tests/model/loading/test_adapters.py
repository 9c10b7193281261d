"""Adapters that peft saved are read as peft reads them; others are refused in one line."""

import json
import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from model.errors import AdapterMismatch, ConfigError, ModelError
from model.loading.adapters import PeftConfig, load_adapter
from model.loading.base import ResolvedBase, resolve_base
from model.loading.manifest import (
    MANIFEST,
    AdapterManifest,
    BaseRecord,
    DataRecord,
    file_sha256,
    read_manifest,
    write_manifest,
)
from model.loading.quantised import check_architecture
from tests.fakes.tiny_model import LINEARS, make_adapter, make_tiny

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
MLP = ("gate_proj", "up_proj", "down_proj")


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> ResolvedBase:
    folder = tmp_path_factory.mktemp("base")
    return resolve_base(str(make_tiny(folder / "tiny-llama")), folder, lambda *_: None)


@pytest.fixture(scope="module")
def saved(base, tmp_path_factory) -> Path:
    return make_adapter(base.folder, tmp_path_factory.mktemp("adapter") / "saved")


@pytest.fixture
def folder(saved, tmp_path) -> Path:
    """A copy of a right adapter, to be spoilt."""
    return Path(shutil.copytree(saved, tmp_path / "copy"))


def load(folder: Path, base: ResolvedBase):
    config = check_architecture(base)
    return load_adapter("tuned", str(folder), base, config, lambda *_: None)


def change_config(folder: Path, **fields: object) -> None:
    path = folder / CONFIG
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def change_weights(folder: Path, change: Callable[[dict], object]) -> None:
    tensors = load_file(folder / WEIGHTS)
    change(tensors)
    save_file(tensors, folder / WEIGHTS)


def refusal(folder: Path, base: ResolvedBase, kind: type[ModelError] = ConfigError) -> str:
    with pytest.raises(kind) as refused:
        load(folder, base)
    text = str(refused.value)
    assert len(text.splitlines()) == 1
    assert "tuned" in text or str(folder) in text
    return text


def make_manifest(base: ResolvedBase, hash_: str) -> AdapterManifest:
    return AdapterManifest(
        name="tuned",
        base=BaseRecord(id=base.id, hash=base.hash),
        adapter_hash=hash_,
        data=DataRecord(path="pairs.jsonl", sha256="0", rows=1, licence="CC0"),
        config={"r": 8},
        code_version="0",
        figures={"loss": 1.5},
        created=datetime(2025, 1, 1, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"target_modules": ["q_proj", "down_proj"]},
        {"use_rslora": True},
        {"rank_pattern": {"q_proj": 3}, "alpha_pattern": {"q_proj": 5}},
        {"alpha_pattern": {"layers.0.mlp.up_proj": 7, r".*self_attn\.k_proj": 11}},
        {"rank_pattern": {"o_proj|v_proj": 2}, "alpha_pattern": {"o_proj|v_proj": 9}},
        {"rank_pattern": {"q_proj": 3}, "use_rslora": True},
        {"layers_to_transform": [1]},
    ],
)
@pytest.mark.filterwarnings("ignore:.*rslora.*:UserWarning")
def test_each_delta_is_pefts_own(base, tmp_path, options):
    folder = make_adapter(base.folder, tmp_path / "a", **options)
    adapter = load(folder, base)
    model = PeftModel.from_pretrained(
        AutoModelForCausalLM.from_pretrained(base.folder), str(folder)
    )
    expected = {}
    for name, module in model.named_modules():
        if hasattr(module, "get_delta_weight"):
            expected[int(name.split(".")[4]), name.split(".")[-1]] = module.get_delta_weight(
                "default"
            )
    assert adapter.pairs.keys() == expected.keys()
    for place, pair in adapter.pairs.items():
        torch.testing.assert_close(pair.delta(), expected[place], msg=str(place))


def test_name_source_and_hash_are_kept(base, saved):
    adapter = load(saved, base)
    assert (adapter.name, adapter.source) == ("tuned", str(saved))
    assert adapter.hash == load(saved, base).hash
    assert adapter.pairs.keys() == {(layer, name) for layer in range(2) for name in LINEARS}


@pytest.mark.parametrize("missing", [CONFIG, WEIGHTS])
def test_a_missing_file_is_named(base, folder, missing):
    (folder / missing).unlink()
    assert missing in refusal(folder, base)


@pytest.mark.parametrize("left", [0, 7, 900])
def test_damaged_weights_are_refused(base, folder, left):
    path = folder / WEIGHTS
    path.write_bytes(path.read_bytes()[:left])
    assert WEIGHTS in refusal(folder, base)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "cannot be read"),
        ("{", "cannot be read"),
        ("[]", "the file: "),
        ('{"peft_type": "LORA", "r": 4}', "lora_alpha: Field required"),
        ('{"peft_type": "LORA", "r": "x", "lora_alpha": 1}', "r: "),
        ('{"peft_type":"LORA","r":4,"lora_alpha":1,"alpha_pattern":{"(":1}}', "regular expression"),
    ],
)
def test_a_damaged_config_is_refused_naming_what_is_wrong(base, folder, text, words):
    (folder / CONFIG).write_text(text)
    assert words in refusal(folder, base)


def test_a_config_that_is_not_text_is_refused(base, folder):
    (folder / CONFIG).write_bytes(b"\xff\xfe\x00")
    assert "cannot be read" in refusal(folder, base)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"peft_type": "IA3"}, "peft_type 'IA3'"),
        ({"use_dora": True}, "use_dora"),
        ({"bias": "all"}, "bias 'all'"),
        ({"modules_to_save": ["lm_head"]}, "modules_to_save"),
        ({"fan_in_fan_out": True}, "fan_in_fan_out"),
        ({"layer_replication": [[0, 1], [0, 2]]}, "layer_replication"),
        ({"alora_invocation_tokens": [1, 2]}, "alora_invocation_tokens"),
        ({"use_qalora": True}, "use_qalora"),
        ({"init_lora_weights": "pissa_niter_4"}, "pissa_niter_4"),
        ({"init_lora_weights": "loftq"}, "loftq"),
    ],
)
def test_what_serving_does_not_have_is_refused_by_name(base, folder, fields, words):
    change_config(folder, **fields)
    assert words in refusal(folder, base)


@pytest.mark.parametrize("start", [True, False, None, "gaussian", "eva"])
def test_starts_that_leave_the_base_alone_are_served(base, folder, start):
    change_config(folder, init_lora_weights=start)
    assert load(folder, base).pairs


@pytest.mark.parametrize(
    "options",
    [
        {"use_dora": True},
        {"bias": "lora_only"},
        {"modules_to_save": ["lm_head"]},
        {"lora_bias": True},
        {"target_modules": ["q_proj", "embed_tokens"]},
        {"target_modules": ["q_proj"], "trainable_token_indices": [3]},
    ],
)
@pytest.mark.filterwarnings("ignore:Setting .save_embedding_layers.:UserWarning")
@pytest.mark.filterwarnings("ignore:.lora_bias=True. was passed")
@pytest.mark.filterwarnings("ignore:Adapter .default.")  # lora_bias looks damaged to peft
def test_what_peft_saves_with_other_options_is_refused(base, tmp_path, options):
    model = AutoModelForCausalLM.from_pretrained(base.folder)
    config = LoraConfig(r=4, **({"target_modules": list(LINEARS)} | options))
    get_peft_model(model, config).save_pretrained(tmp_path)
    refusal(tmp_path, base, ModelError)


@pytest.mark.filterwarnings("ignore:Setting .save_embedding_layers.:UserWarning")
def test_an_adapted_embedding_names_what_can_be_adapted(base, tmp_path):
    model = AutoModelForCausalLM.from_pretrained(base.folder)
    config = LoraConfig(r=4, target_modules=["embed_tokens"])
    get_peft_model(model, config).save_pretrained(tmp_path)
    text = refusal(tmp_path, base, AdapterMismatch)
    assert "embed_tokens" in text
    assert base.id in text
    assert all(name in text for name in LINEARS)


def place(linear: str, side: str, layer: int = 0) -> str:
    group = "mlp" if linear in MLP else "self_attn"
    return f"base_model.model.model.layers.{layer}.{group}.{linear}.lora_{side}.weight"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.pop(place("up_proj", "B")), "half of layer 0 up_proj"),
        (lambda t: t.clear(), "empty"),
        (lambda t: t.update({place("q_proj", "A"): torch.zeros(3, 64)}), r"A of shape (3, 64)"),
        (lambda t: t.update({place("q_proj", "A"): torch.zeros(64)}), r"A of shape (64,)"),
        (
            lambda t: t.update(
                {place("q_proj", "A"): torch.zeros(0, 64), place("q_proj", "B"): torch.zeros(64, 0)}
            ),
            "damaged",
        ),
    ],
)
def test_weights_that_make_no_adapter_are_refused(base, folder, change, words):
    change_weights(folder, change)
    assert words in refusal(folder, base)


@pytest.mark.parametrize(
    "sizes",
    [
        {"hidden_size": 32, "num_attention_heads": 2},
        {"num_hidden_layers": 3},
        {"intermediate_size": 96},
        {"num_key_value_heads": 4},
    ],
)
def test_an_adapter_of_other_shapes_is_refused_with_both_names(base, tmp_path, sizes):
    other = make_tiny(tmp_path / "other", **sizes)
    folder = make_adapter(other, tmp_path / "its-adapter")
    text = refusal(folder, base, AdapterMismatch)
    assert base.id in text
    assert "its-adapter" in text


def test_an_adapter_trained_on_another_base_is_refused_with_both_names(base, folder):
    other = ResolvedBase("another-model", base.folder, "sha256:feed")
    write_manifest(folder, make_manifest(other, "x"))
    text = refusal(folder, base, AdapterMismatch)
    assert "another-model (sha256:feed)" in text
    assert f"{base.id} ({base.hash})" in text


def test_an_adapter_trained_on_this_base_is_taken(base, folder):
    manifest = make_manifest(base, file_sha256(folder / WEIGHTS))
    write_manifest(folder, manifest)
    assert read_manifest(folder) == manifest
    assert load(folder, base).pairs


@pytest.mark.parametrize(
    ("text", "words"), [("{", "the file: "), ("{}", "name: Field"), ("\xff", "the file: ")]
)
def test_a_damaged_manifest_is_refused(base, folder, text, words):
    (folder / MANIFEST).write_bytes(text.encode("latin-1"))
    assert words in refusal(folder, base)


def test_a_manifest_that_cannot_be_read_is_refused(base, folder):
    (folder / MANIFEST).mkdir()
    assert "cannot be read" in refusal(folder, base)


@pytest.mark.parametrize("source", ["not/a/hub/id", "./nowhere", "~nobody-here/x", "x" * 5000])
def test_a_source_that_is_neither_folder_nor_hub_id(base, source):
    with pytest.raises(ConfigError, match=r"ADAPTERS: tuned=.*neither a folder here nor a hub id"):
        load_adapter("tuned", source, base, check_architecture(base), lambda *_: None)


def test_scaling_follows_the_first_pattern_that_fits():
    config = PeftConfig(
        peft_type="LORA", r=8, lora_alpha=16, alpha_pattern={"0.mlp.up_proj": 2, "up_proj": 4}
    )
    assert config.scaling("model.layers.0.mlp.up_proj", 8) == 2 / 8
    assert config.scaling("model.layers.10.mlp.up_proj", 8) == 4 / 8
    assert config.scaling("model.layers.0.self_attn.q_proj", 4) == 16 / 4


def _fill(side: str, value: float) -> Callable[[dict], object]:
    def change(tensors: dict) -> None:
        tensors[next(key for key in tensors if f"lora_{side}" in key)][1, 2] = value

    return change


@pytest.mark.parametrize("side", ["A", "B"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 3.4e38])
def test_numbers_that_are_not_finite_where_they_are_served_are_refused(base, folder, side, value):
    change_weights(folder, _fill(side, value))
    assert "not finite" in refusal(folder, base)


@pytest.mark.parametrize("alpha", [1e40, math.nan, math.inf])
def test_a_scaling_that_makes_numbers_infinite_is_refused(base, folder, alpha):
    change_config(folder, lora_alpha=alpha)
    assert "not finite" in refusal(folder, base)


@pytest.mark.parametrize("field", ["rank_pattern", "alpha_pattern", "use_rslora"])
def test_null_means_none_as_in_peft(base, folder, field):
    before = load(folder, base)
    change_config(folder, **{field: None})
    after = load(folder, base)
    assert {place: pair.scaling for place, pair in after.pairs.items()} == {
        place: pair.scaling for place, pair in before.pairs.items()
    }


@pytest.mark.parametrize(
    "fields",
    [
        {"use_dora": True},
        {"modules_to_save": ["lm_head"]},
        {"trainable_token_indices": [1, 2]},
        {"trainable_token_indices": {"embed_tokens": [1]}},
        {"target_parameters": ["mlp.experts"]},
        {"lora_bias": True},
    ],
)
def test_a_kind_that_is_not_served_is_named(base, folder, fields):
    change_config(folder, **fields)
    assert f"needs {next(iter(fields))}, which this worker does not serve" in refusal(folder, base)


def test_an_adapter_of_the_embedding_is_named(base, folder):
    key = "base_model.model.model.embed_tokens.lora_embedding_A"
    change_weights(folder, lambda tensors: tensors.update({key: torch.ones(2, 3)}))
    assert "changes base_model.model.model.embed_tokens" in refusal(folder, base, AdapterMismatch)


def _all_twice(pattern: dict[str, float]) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        change_config(folder, alpha_pattern=pattern)

    return change


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: change_config(folder, lora_alpha=17),
        lambda folder: change_config(folder, use_rslora=True),
        _all_twice({"q_proj": 3.0}),
        lambda folder: change_weights(
            folder, lambda tensors: tensors[next(iter(tensors))].mul_(1.5)
        ),
    ],
)
def test_whatever_changes_an_answer_changes_the_hash(base, folder, change):
    before = load(folder, base).hash
    change(folder)
    assert load(folder, base).hash != before


def test_the_base_is_part_of_the_hash(base, folder):
    other = replace(base, hash="sampled-sha256:other")
    assert load(folder, other).hash != load(folder, base).hash


def test_what_changes_no_answer_leaves_the_hash(base, folder):
    before = load(folder, base).hash
    change_config(folder, lora_dropout=0.3, inference_mode=False, alpha_pattern=None)
    assert load(folder, base).hash == before
    assert before.startswith("lora-sha256:"), "an earlier version's hash, of the weights, differs"
