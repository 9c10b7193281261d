"""The base in 4 bits; what cannot be run is refused in one line."""

import json
import shutil
from pathlib import Path
from typing import cast

import pytest
import torch
from bitsandbytes.nn.modules import Linear4bit, Params4bit
from transformers import Gemma2Config, Gemma3TextConfig, GPT2Config, GPT2LMHeadModel, Qwen3Config

from model.errors import ConfigError, ModelError, UnsupportedArchitecture
from model.loading.architectures import SUPPORTED, folder_refusal
from model.loading.base import ResolvedBase, resolve_base
from model.loading.quantised import check_architecture, first_line, load_quantised
from tests.fakes.tiny_model import make_tiny, tiny_tokenizer


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> Path:
    return make_tiny(tmp_path_factory.mktemp("models") / "tiny-llama")


@pytest.fixture
def folder(tiny, tmp_path) -> Path:
    """A copy of a right model, to be spoilt."""
    return Path(shutil.copytree(tiny, tmp_path / "tiny-llama"))


def resolved(folder: Path) -> ResolvedBase:
    return resolve_base(str(folder), Path("unused"), lambda *_: None)


def load(folder: Path, *, trainable: bool = False):
    return load_quantised(resolved(folder), compute_dtype=torch.float32, trainable=trainable)


def change_config(folder: Path, **fields: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def refusal(folder: Path, kind: type[ModelError] = ConfigError) -> str:
    with pytest.raises(kind) as refused:
        load(folder)
    assert type(refused.value) is kind
    text = str(refused.value)
    assert len(text.splitlines()) == 1
    assert text.startswith("tiny-llama")
    return text


@pytest.mark.parametrize("family", ["llama", "mistral", "qwen2"])
def test_every_linear_is_nf4_with_double_quantisation(tmp_path, family):
    model, tokenizer = load(make_tiny(tmp_path / "m", family=family))
    layers = [module for module in model.modules() if isinstance(module, Linear4bit)]
    assert len(layers) == 14
    for layer in layers:
        state = cast("Params4bit", layer.weight).quant_state
        assert state is not None
        assert state.quant_type == "nf4"
        assert state.nested
    assert tokenizer.chat_template


@pytest.mark.parametrize("trainable", [True, False])
def test_a_model_to_be_trained_stays_off_the_packed_kernel(tiny, trainable):
    model, _ = load(tiny, trainable=trainable)
    switches = {
        module.support_avx512bf16_for_cpu
        for module in model.modules()
        if isinstance(module, Linear4bit)
    }
    assert (switches == {False}) or not trainable


def test_a_trainable_model_keeps_its_gradient_after_an_evaluation(tiny):
    model, _ = load(tiny, trainable=True)
    inputs = model.get_input_embeddings()(torch.tensor([[5, 6, 7]])).detach().requires_grad_()

    def gradient() -> torch.Tensor:
        (found,) = torch.autograd.grad(model(inputs_embeds=inputs).logits.square().sum(), inputs)
        return found

    model.train()
    before = gradient()
    model.eval()
    with torch.inference_mode():
        model(inputs_embeds=inputs.detach())
    model.train()
    assert torch.equal(gradient(), before)


def test_another_architecture_is_refused_with_the_list(tmp_path):
    config = GPT2Config(n_embd=16, n_layer=1, n_head=2, vocab_size=300, n_positions=32)
    GPT2LMHeadModel(config).save_pretrained(tmp_path / "tiny-llama")
    tiny_tokenizer().save_pretrained(tmp_path / "tiny-llama")
    text = refusal(tmp_path / "tiny-llama", UnsupportedArchitecture)
    assert "GPT2LMHeadModel" in text
    assert all(name in text for name in SUPPORTED)


@pytest.mark.parametrize("kind", [Gemma2Config, Gemma3TextConfig, Qwen3Config])
def test_models_with_another_block_are_refused_by_name(tmp_path, kind):
    folder = tmp_path / "tiny-llama"
    config = kind(num_hidden_layers=1)
    config.architectures = [kind.__name__.replace("TextConfig", "Config")[:-6] + "ForCausalLM"]
    config.save_pretrained(folder)
    text = refusal(folder, UnsupportedArchitecture)
    assert text == folder_refusal(str(folder))
    assert f"is a {config.architectures[0]}, which does not run here" in text
    assert "Qwen 2.5" in text


@pytest.mark.parametrize("value", [None, [], [None], [""], {}, "", 5, [["LlamaForCausalLM"]]])
def test_a_config_without_architectures_says_what_to_add(folder, value):
    change_config(folder, architectures=value)
    text = refusal(folder, UnsupportedArchitecture)
    assert "config.json does not say what it is" in text
    assert 'add the name of its class, as in "architectures": ["LlamaForCausalLM"]' in text
    assert all(kind in text for kind in SUPPORTED)
    assert folder_refusal(str(folder)) == text, "the doctor says the same"


def test_another_activation_is_refused(folder):
    change_config(folder, hidden_act="gelu")
    assert "'gelu'" in refusal(folder, UnsupportedArchitecture)


def test_a_right_config_is_returned(tiny):
    assert check_architecture(resolved(tiny)).hidden_size == 64


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"model_type": "no-such-type"}'])
def test_a_damaged_config_is_refused(folder, text):
    (folder / "config.json").write_text(text)
    assert "config.json is not usable" in refusal(folder)


@pytest.mark.parametrize("fields", [{"hidden_size": "wide"}, {"num_attention_heads": 3}])
def test_impossible_sizes_are_refused_with_their_reason(folder, fields):
    change_config(folder, **fields)
    text = refusal(folder)
    assert "config.json is not usable" in text
    assert not text.endswith(":"), "the reason follows the announcement"


def test_code_that_comes_with_a_model_is_never_run_nor_asked_about(folder, monkeypatch):
    asked: list[object] = []
    monkeypatch.setattr("builtins.input", lambda *words: asked.append(words) or "y")
    change_config(folder, model_type="own-type", auto_map={"AutoConfig": "own.Config"})
    (folder / "own.py").write_text("raise SystemExit('was run')")
    assert "config.json is not usable" in refusal(folder)
    assert asked == []


@pytest.mark.parametrize("left", [0, 2, 5000])
def test_damaged_weights_are_refused(folder, left):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:left])
    assert "does not load" in refusal(folder)


def test_a_folder_without_weights_is_refused(folder):
    (folder / "model.safetensors").unlink()
    assert "model.safetensors" in refusal(folder)


def test_weights_that_are_missing_are_not_made_up(folder):
    change_config(folder, num_hidden_layers=3)
    assert "lacks weights: model.layers.2." in refusal(folder)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"vocab_size": 300}, "does not load"),
        ({"intermediate_size": 64}, "mlp.gate_proj is not as large as config.json says"),
        ({"num_key_value_heads": 4}, "self_attn.k_proj is not as large"),
    ],
)
def test_weights_of_other_sizes_are_refused(folder, fields, words):
    change_config(folder, **fields)
    assert words in refusal(folder)


@pytest.mark.parametrize("text", ["{", '{"a": 1}', None])
def test_a_damaged_or_missing_tokenizer_is_refused(folder, text):
    path = folder / "tokenizer.json"
    if text is None:
        path.unlink()
    else:
        path.write_text(text)
    assert "does not load" in refusal(folder)


def test_weights_quantised_another_way_are_refused(folder):
    change_config(folder, quantization_config={"quant_method": "gptq", "bits": 4})
    assert "GPTQ" in refusal(folder)


def test_a_lack_of_gpu_memory_stays_what_it_is(folder, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("full")

    monkeypatch.setattr("model.loading.quantised.AutoModelForCausalLM.from_pretrained", full)
    with pytest.raises(torch.OutOfMemoryError):
        load(folder)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("one\ntwo"), "one"),
        (ValueError("\n one:\n\n  two\nthree"), "one: two"),
        (ValueError("one:"), "one:"),
        (ValueError(""), "ValueError"),
    ],
)
def test_first_line(error, line):
    assert first_line(error) == line
