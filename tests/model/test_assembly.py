"""From the settings to an engine, and one chat through the whole worker."""

import asyncio
import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from bitsandbytes.functional import has_avx512bf16
from transformers import LlamaConfig, MistralConfig, Qwen2Config

from model import assembly
from model.assembly import (
    TokenizerCodec,
    build_engine,
    cache_tokens,
    choose_compute,
    end_ids,
    load,
    longest_context,
    stack_adapters,
)
from model.engine.api import AdapterCard, FinishReason, TokenRequest
from model.errors import AdapterMismatch, ConfigError, UnsupportedArchitecture
from model.loading.base import resolve_base
from model.loading.quantised import check_architecture, load_quantised
from model.protocol.chat_request import ChatRequest
from model.runner.cpu.weights import refusal
from model.runner.weights import Compute, best_compute, take_weights
from model.sampling import SamplingParams
from model.server.answer.generation import AnswerEnd, TextDelta
from model.server.metrics import WorkerMetrics
from model.server.service import EngineService
from model.settings import WorkerSettings
from model.text.codec import ChatTurn
from tests.fakes.chat_models import chat_tokenizer, token_id
from tests.fakes.settings import worker_settings
from tests.fakes.tiny_model import make_adapter, make_tiny, tiny_tokenizer
from tests.model.runner.parity import greedy, make_pair, run

LIMIT_S = 20.0
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> Path:
    return make_tiny(tmp_path_factory.mktemp("models") / "tiny-llama")


@pytest.fixture(scope="module")
def adapters(tiny, tmp_path_factory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("adapters")
    return {
        "tuned": str(make_adapter(tiny, folder / "tuned")),
        "other": str(make_adapter(tiny, folder / "other", seed=2, rank=4)),
    }


def settings(base: Path, **fields: object) -> WorkerSettings:
    return worker_settings(base_model=str(base), kv_cache_mb=8, **fields)


def quiet(*_: object) -> None:
    """Nobody listens."""


def test_load_makes_what_the_settings_say(tiny, adapters):
    told: list[str] = []
    loaded = load(
        settings(tiny, adapters=adapters, max_context=100), lambda stage, _: told.append(stage)
    )
    assert loaded.model_id == "tiny-llama"
    assert loaded.engine.variants == ("base", "tuned", "other")
    assert loaded.engine.max_context == 100
    source = adapters["tuned"]
    hash_ = loaded.read_adapter("tuned", source).card.hash
    assert loaded.adapters["tuned"] == AdapterCard("tuned", hash_, source)
    assert set(loaded.adapters) == {"tuned", "other"}
    assert told[0] == "loading tiny-llama"


def test_a_base_is_compared_with_transformers_once(tiny, tmp_path):
    def stages(**fields: object) -> list[str]:
        told: list[str] = []
        load(settings(tiny, fungpt_home=tmp_path, **fields), lambda stage, _: told.append(stage))
        return told[1:]

    compares = ["comparing tiny-llama with transformers (once)"]
    assert stages() == compares
    assert stages() == []
    assert stages(cpu_compute="bfloat16") == compares, "another way to compute"
    (record, other) = (tmp_path / "checks").iterdir()
    for path in (record, other):
        path.write_text("{}")
    assert stages() == compares, "damaged records are not believed"
    assert stages() == []


def test_a_base_that_is_computed_otherwise_is_refused_and_not_remembered(tmp_path, monkeypatch):
    longrope = {
        "rope_type": "longrope",
        "rope_theta": 10_000.0,
        "short_factor": [1.0] * 8,
        "long_factor": [4.0] * 8,
        "original_max_position_embeddings": 64,
        "factor": 8.0,
    }
    base = make_tiny(tmp_path / "tiny-longrope", rope_parameters=longrope)
    chosen = settings(base, fungpt_home=tmp_path)
    # As it was once: the positions of the whole context are taken for those of every row.
    monkeypatch.setattr(assembly, "longest_context", lambda _, wanted: wanted)
    for _ in range(2):
        with pytest.raises(UnsupportedArchitecture, match="tiny-longrope is not computed right"):
            load(chosen, quiet)
    assert not list(tmp_path.glob("checks/*"))
    monkeypatch.undo()
    load(chosen, quiet)
    assert len(list(tmp_path.glob("checks/*"))) == 1


@pytest.mark.parametrize("compute", ["auto", "int8", "nf4", "float32", "bfloat16"])
def test_every_compute_path_answers(tiny, adapters, compute):
    if compute == "int8" and (reason := refusal()):
        pytest.skip(reason)
    loaded = load(settings(tiny, adapters=adapters, cpu_compute=compute), quiet)
    prompt = tuple(loaded.codec.encode_chat([ChatTurn("user", "hello")]))
    for name in loaded.engine.variants:
        loaded.engine.add(TokenRequest(name, prompt, name, SamplingParams(max_tokens=6, seed=1)))
    ended: dict[str, FinishReason] = {}
    while loaded.engine.has_work():
        ended |= {o.id: o.finish_reason for o in loaded.engine.step() if o.finish_reason}
    assert ended.keys() == set(loaded.engine.variants)


def test_the_compute_paths_agree(tiny):
    resolved = resolve_base(str(tiny), tiny, quiet)
    model, _ = load_quantised(resolved, compute_dtype=torch.float32, trainable=True)
    x = torch.randn(5, 64, generator=torch.Generator().manual_seed(0))
    first = {c: take_weights(model, c, 64).layers[0] for c in Compute if c is not Compute.PACKED}
    exact = first[Compute.NF4].qkv(x)
    torch.testing.assert_close(first[Compute.FLOAT32].qkv(x), exact, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(first[Compute.BFLOAT16].qkv(x), exact, rtol=5e-2, atol=5e-2)


def test_a_model_with_biases_answers_as_transformers_does(tmp_path):
    folder = make_tiny(tmp_path / "biased", attention_bias=True, mlp_bias=True)
    for compute in (Compute.NF4, Compute.FLOAT32):
        pair = make_pair(resolve_base(str(folder), folder, quiet), {}, compute=compute)
        expected = pair.generate([5, 9, 80], "base", 20)
        assert run(pair.engine, {0: [greedy("a", [5, 9, 80], "base", 20)]})["a"] == expected


def test_each_compute_path_adds_the_biases(tmp_path):
    folder = make_tiny(tmp_path / "biased", attention_bias=True)
    model, _ = load_quantised(
        resolve_base(str(folder), folder, quiet), compute_dtype=torch.float32, trainable=True
    )
    attention = model.model.layers[0].self_attn
    with torch.no_grad():
        for number, layer in enumerate((attention.q_proj, attention.k_proj, attention.v_proj), 1):
            layer.bias.fill_(number)
    for compute in Compute:
        if compute is not Compute.PACKED or has_avx512bf16():
            zero = take_weights(model, compute, 16).layers[0].qkv(torch.zeros(2, 64))
            assert zero.tolist() == [[1.0] * 64 + [2.0] * 32 + [3.0] * 32] * 2, compute


async def test_one_chat_through_the_service(tiny, adapters, until):
    chosen = settings(tiny, adapters=adapters)
    service = EngineService(lambda progress: load(chosen, progress), WorkerMetrics())
    service.start()
    try:
        await until(lambda: service.health().status != "loading")
        said = await asyncio.gather(*(chat(service, name) for name in ("base", "tuned", "other")))
    finally:
        assert await service.close()
    assert len(set(said)) == 3, "each variant has its own words"
    engine, codec = (loaded := load(chosen, quiet)).engine, loaded.codec
    prompt = codec.encode_chat([ChatTurn("user", "hello there")])
    for name, (text, end) in zip(engine.variants, said, strict=True):
        detokenizer = codec.new_detokenizer()
        ids = run(engine, {0: [greedy("a", prompt, name, 12)]})["a"]
        assert text == "".join(map(detokenizer.add, ids)) + detokenizer.flush()
        assert (end.usage.prompt_tokens, end.usage.completion_tokens) == (len(prompt), len(ids))


async def chat(service: EngineService, variant: str) -> tuple[str, AnswerEnd]:
    messages = [{"role": "user", "content": "hello there"}]
    asked = {"model": variant, "messages": messages, "temperature": 0.0, "max_tokens": 12}
    text = ""
    async with asyncio.timeout(LIMIT_S), service.generate(ChatRequest.model_validate(asked)) as row:
        while isinstance(news := await row.read(), TextDelta):
            text += news.text
    return text, news


def test_an_adapter_that_does_not_fit_stops_the_start(tiny, tmp_path):
    other = make_adapter(make_tiny(tmp_path / "o", intermediate_size=64), tmp_path / "a")
    with pytest.raises(AdapterMismatch, match="tiny-llama"):
        load(settings(tiny, adapters={"tuned": str(other)}), quiet)


@pytest.mark.parametrize(
    ("config", "wanted", "expected"),
    [
        (LlamaConfig(max_position_embeddings=2048), 4096, 2048),
        (LlamaConfig(max_position_embeddings=2048), 300, 300),
        (MistralConfig(max_position_embeddings=32768, sliding_window=4096), 10**6, 4096),
        (MistralConfig(max_position_embeddings=1024, sliding_window=4096), 10**6, 1024),
        (MistralConfig(max_position_embeddings=32768, sliding_window=None), 10**6, 32768),
        (Qwen2Config(max_position_embeddings=32768, sliding_window=4096), 10**6, 32768),
        (Qwen2Config(use_sliding_window=True, sliding_window=4096), 10**6, 4096),
    ],
)
def test_the_context_is_no_longer_than_the_model_or_its_window(config, wanted, expected):
    assert longest_context(config, wanted) == expected


def with_avx512(monkeypatch, *, has: bool) -> None:
    monkeypatch.setattr("model.runner.weights.has_avx512bf16", lambda: has)


def test_packed_needs_a_cpu_that_has_it(monkeypatch):
    monkeypatch.setattr("model.runner.cpu.weights.instructions", lambda: None)
    with_avx512(monkeypatch, has=False)
    with pytest.raises(ConfigError, match=r"CPU_COMPUTE=packed needs .*avx512_bf16.*auto"):
        choose_compute("packed", CPU)
    assert choose_compute("auto", CPU) is Compute.FLOAT32
    with_avx512(monkeypatch, has=True)
    assert choose_compute("packed", CPU) is choose_compute("auto", CPU) is Compute.PACKED


def test_kernels_of_our_own_are_taken_where_they_can_compute_the_model(monkeypatch):
    fits = LlamaConfig(hidden_size=64, intermediate_size=128, num_attention_heads=4)
    odd = LlamaConfig(hidden_size=96, intermediate_size=128, num_attention_heads=2)
    monkeypatch.setattr("model.runner.cpu.weights.instructions", lambda: "avx2")
    assert choose_compute("auto", CPU, fits) is choose_compute("int8", CPU, fits) is Compute.INT8
    assert choose_compute("auto", CPU, odd) is best_compute(CPU)
    with pytest.raises(
        ConfigError, match=r"CPU_COMPUTE=int8 .*96 inputs.* multiple of 64: use auto"
    ):
        choose_compute("int8", CPU, odd)
    narrow = LlamaConfig(hidden_size=64, intermediate_size=128, num_attention_heads=8)
    with pytest.raises(ConfigError, match=r"heads have 8 dimensions, no multiple of 16"):
        choose_compute("int8", CPU, narrow)
    monkeypatch.setattr("model.runner.cpu.weights.instructions", lambda: None)
    assert choose_compute("auto", CPU, fits) is best_compute(CPU)
    with pytest.raises(ConfigError, match=r"CPU_COMPUTE=int8 .*AVX2.*use auto"):
        choose_compute("int8", CPU)


def test_a_gpu_computes_on_the_4_bit_weights_whatever_is_said_for_cpus():
    assert choose_compute("float32", torch.device("cuda")) is Compute.NF4
    assert choose_compute("nf4", CPU) is Compute.NF4


@pytest.fixture(scope="module")
def weights(tiny):
    resolved = resolve_base(str(tiny), tiny, quiet)
    model, _ = load_quantised(resolved, compute_dtype=torch.float32, trainable=True)
    return check_architecture(resolved), take_weights(model, Compute.NF4, 64)


def test_the_cache_holds_as_many_tokens_as_fit(weights, monkeypatch):
    _, taken = weights
    per_token = 2 * 2 * 16 * 4 * 2  # keys and values, kv heads, head size, bytes, layers
    assert cache_tokens(1, taken) == 2**20 // per_token
    assert cache_tokens(None, taken) == 384 * 2**20 // per_token
    halved = replace(taken, cache_dtype=torch.float16)
    assert cache_tokens(1, halved) == 2 * 2**20 // per_token
    on_gpu: Any = SimpleNamespace(
        kv_heads=2,
        head_dim=16,
        cache_dtype=torch.float32,
        layers=taken.layers,
        embedding=SimpleNamespace(device=torch.device("cuda")),
    )
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (10 * 2**20, 80 * 2**20))
    assert cache_tokens(None, on_gpu) == int(10 * 2**20 * 0.6) // per_token


def test_a_cache_too_small_for_one_block_is_refused(weights, monkeypatch):
    config, taken = weights
    monkeypatch.setattr(assembly, "cache_tokens", lambda *_: 31)
    stacks = stack_adapters([], config, taken)
    with pytest.raises(ConfigError, match=r"KV_CACHE_MB=8 holds less"):
        build_engine(settings(Path("unused")), taken, stacks, {2}, 64)


def test_a_small_cache_shortens_the_context(tmp_path):
    folder = make_tiny(tmp_path / "wide", max_position_embeddings=8192)
    chosen = worker_settings(
        base_model=str(folder), kv_cache_mb=1, max_context=8192, cpu_compute="nf4"
    )
    assert load(chosen, quiet).engine.max_context == 2**20 // 512 // 32 * 32


@pytest.mark.parametrize("size", [10**9, 10**7])
def test_a_cache_larger_than_the_memory_is_refused_in_one_line(tiny, size, monkeypatch):
    chosen = worker_settings(base_model=str(tiny), kv_cache_mb=10**9)
    if size != 10**9:
        monkeypatch.setattr(assembly, "build_engine", full)
    with pytest.raises(ConfigError, match=r"tiny-llama does not fit .*KV_CACHE_MB") as refused:
        load(chosen, quiet)
    assert len(str(refused.value).splitlines()) == 1


def full(*_: object, **__: object) -> None:
    raise torch.OutOfMemoryError("full")


def test_another_fault_while_building_is_not_taken_for_a_lack_of_memory(tiny, monkeypatch):
    def broken(*_: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(assembly, "choose_weights", broken)
    with pytest.raises(RuntimeError, match="broken"):
        load(settings(tiny, cpu_compute="nf4"), quiet)


@pytest.mark.parametrize(
    ("configured", "expected"), [(5, {2, 5}), ([5, 6, 2], {2, 5, 6}), (None, {2})]
)
def test_every_configured_end_ends_an_answer(tiny, tmp_path, configured, expected):
    folder = Path(shutil.copytree(tiny, tmp_path / "m"))
    path = folder / "generation_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"eos_token_id": configured}))
    model, tokenizer = load_quantised(
        resolve_base(str(folder), folder, quiet), compute_dtype=torch.float32, trainable=False
    )
    assert end_ids(model.generation_config, tokenizer) == expected


def test_without_a_generation_config_the_tokenizer_knows_the_end():
    assert end_ids(None, tiny_tokenizer()) == {2}


def broken_template(tiny: Path, folder: Path, template: str) -> Path:
    copied = Path(shutil.copytree(tiny, folder))
    (copied / "chat_template.jinja").write_text(template)
    return copied


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{% for m in messages %}{{ m['content'] }", "TemplateSyntaxError"),
        ("{{ messages[0]['content'] + 1 }}", "TypeError"),
        ("<|im_start|>assistant", "leaves out what the user says"),
    ],
)
def test_a_chat_template_that_cannot_work_stops_the_start(tiny, tmp_path, template, reason):
    folder = broken_template(tiny, tmp_path / "m", template)
    with pytest.raises(ConfigError, match=reason) as refused:
        load(settings(folder), quiet)
    assert len(str(refused.value).splitlines()) == 1


def test_named_templates_without_a_default_stop_the_start(tiny, tmp_path):
    folder = Path(shutil.copytree(tiny, tmp_path / "m"))
    named = folder / "additional_chat_templates"
    named.mkdir()
    (folder / "chat_template.jinja").rename(named / "tool_use.jinja")
    with pytest.raises(ConfigError, match="no default"):
        load(settings(folder), quiet)


def test_the_token_that_ends_a_turn_ends_an_answer(tmp_path, monkeypatch):
    """Phi-3's template ends a turn with another token than EOS, and a config may not say so."""
    tokenizer = chat_tokenizer("phi_3")
    ends: set[int] = set()

    def told(*_: object, eos_ids: set[int], **__: object) -> None:
        ends.update(eos_ids)

    monkeypatch.setattr(assembly, "TokenEngine", told)
    load(settings(make_tiny(tmp_path / "phi", tokenizer=tokenizer)), quiet)
    assert ends >= {token_id(tokenizer, text) for text in ("<|end|>", "<|endoftext|>")}


def test_the_codec_goes_there_and_back():
    codec = TokenizerCodec(tiny_tokenizer())
    ids = codec.encode_chat([ChatTurn("user", "hello 🎉 <|im_end|>")])
    detokenizer = codec.new_detokenizer()
    text = "".join(detokenizer.add(id_) for id_ in ids) + detokenizer.flush()
    assert text == "user\nhello 🎉 <|im_end|>\nassistant\n"


def test_special_tokens_have_ids_and_ordinary_text_has_none():
    tokenizer = tiny_tokenizer()
    codec = TokenizerCodec(tokenizer)
    assert codec.control_id(str(tokenizer.eos_token)) == tokenizer.eos_token_id
    assert codec.control_id("a") is None
    assert codec.vocabulary == len(tokenizer)
