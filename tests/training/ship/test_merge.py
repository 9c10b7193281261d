"""A merged model is the base with its adapter, rounded once, and whole or not there."""

import json
import shutil
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from data.errors import OutputRefused
from model.assembly import load
from model.engine.engine import TokenEngine
from model.errors import AdapterMismatch, ConfigError
from model.loading.base import ResolvedBase, resolve_base
from model.settings import WorkerSettings
from model.text.codec import ChatTurn
from tests.fakes.tiny_model import make_adapter, make_tiny, make_whole_adapter
from tests.model.runner.parity import greedy, run
from training.errors import MergeError
from training.ship.merge import merge
from training.ship.merge_record import RECORD, MergeRecord

IDS = torch.tensor([[5, 9, 33, 7, 21, 60, 2, 11]])


def quiet(_: str) -> None:
    pass


@pytest.fixture(scope="module")
def adapter(base, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("adapter") / "mine"
    make_whole_adapter(base, folder, rank=5)
    return folder


def adapted(base: ResolvedBase, adapter: Path) -> PeftModel:
    model = AutoModelForCausalLM.from_pretrained(base.folder, dtype=torch.float32)
    return PeftModel.from_pretrained(model, str(adapter)).eval()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"target_modules": ["q_proj", "down_proj"]},
        {"use_rslora": True},
        {"rank_pattern": {"q_proj": 3}, "alpha_pattern": {"q_proj": 5}},
    ],
)
@pytest.mark.filterwarnings("ignore:.*rslora.*:UserWarning")
def test_in_float32_it_is_bit_for_bit_pefts_own_merge(base, tmp_path, options):
    folder = make_adapter(base.folder, tmp_path / "a", rank=5, **options)
    merge(base, folder, tmp_path / "out", quiet, torch.float32)
    expected = adapted(base, folder).merge_and_unload().state_dict()
    got = AutoModelForCausalLM.from_pretrained(tmp_path / "out").state_dict()
    assert got.keys() == expected.keys()
    for name, weight in got.items():
        assert weight.dtype == torch.float32
        assert torch.equal(weight, expected[name]), name


def test_in_16_bits_each_weight_is_rounded_once(base, adapter, tmp_path):
    merged = merge(base, adapter, tmp_path / "out", quiet)
    expected = adapted(base, adapter).merge_and_unload().state_dict()
    got = load_file(tmp_path / "out" / "model.safetensors")
    for name, weight in got.items():
        assert torch.equal(weight, expected[name].to(torch.bfloat16)), name
    assert merged.changed == 14
    assert merged.size == sum(weight.nbytes for weight in got.values())


def test_its_logits_are_the_adapted_ones_up_to_rounding(base, adapter, tmp_path):
    merge(base, adapter, tmp_path / "out", quiet)
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    assert model.dtype == torch.bfloat16
    with torch.inference_mode():
        got = model.float()(IDS).logits
        expected = adapted(base, adapter)(IDS).logits
        base_only = AutoModelForCausalLM.from_pretrained(base.folder).float()(IDS).logits
    error = (got - expected).norm() / expected.norm()
    assert error < 0.02
    assert (base_only - expected).norm() / expected.norm() > 0.5, "the adapter does something"


def test_transformers_says_greedily_what_it_says_with_peft(base, adapter, tmp_path):
    merge(base, adapter, tmp_path / "out", quiet, torch.float32)
    options = {"max_new_tokens": 12, "do_sample": False, "pad_token_id": 0}
    said = [
        cast("Any", model)
        .generate(input_ids=IDS, attention_mask=torch.ones_like(IDS), **options)
        .tolist()
        for model in (
            AutoModelForCausalLM.from_pretrained(tmp_path / "out"),
            adapted(base, adapter),
            AutoModelForCausalLM.from_pretrained(base.folder),
        )
    ]
    assert said[0] == said[1] != said[2]


def test_the_worker_serves_it_as_its_base(base, adapter, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where no .env lies
    merge(base, adapter, tmp_path / "out", quiet)
    settings = WorkerSettings(base_model=str(tmp_path / "out"), fungpt_home=tmp_path)
    loaded = load(settings, lambda *_: None)
    assert (loaded.model_id, loaded.engine.variants) == ("out", ("base",))
    prompt = loaded.codec.encode_chat([ChatTurn("user", "hello there")])
    assert isinstance(loaded.engine, TokenEngine)
    assert run(loaded.engine, {0: [greedy("a", prompt, "base", 8)]})["a"]


def test_tokenizer_template_and_generation_config_come_along(base, adapter, tmp_path):
    out = tmp_path / "out"
    merge(base, adapter, out, quiet)
    turns = [{"role": "user", "content": "hello"}]
    ours, theirs = (AutoTokenizer.from_pretrained(place) for place in (out, base.folder))
    texts = [
        tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        for tokenizer in (ours, theirs)
    ]
    assert texts[0] == texts[1] != ""
    name = "generation_config.json"
    assert (out / name).read_text() == (base.folder / name).read_text()
    config = json.loads((out / "config.json").read_text())
    assert {config.get("dtype"), config.get("torch_dtype")} - {None} == {"bfloat16"}


def test_it_says_what_it_is(base, adapter, tmp_path):
    merge(base, adapter, tmp_path / "mine-merged", quiet)
    record = MergeRecord.model_validate_json((tmp_path / "mine-merged" / "merge.json").read_bytes())
    assert (record.base.id, record.base.hash, record.dtype) == (base.id, base.hash, "bfloat16")
    assert record.adapter is not None
    assert record.adapter.adapter_hash == record.adapter_hash
    page = (tmp_path / "mine-merged" / "README.md").read_text()
    assert page.startswith("# mine-merged\n")
    assert all(word in page for word in (base.hash, record.adapter_hash, "CC0-1.0"))
    assert "python convert_hf_to_gguf.py mine-merged" in page


def test_an_adapter_without_a_manifest_is_merged_too(base, tmp_path):
    folder = make_adapter(base.folder, tmp_path / "a")
    merge(base, folder, tmp_path / "out", quiet)
    record = MergeRecord.model_validate_json((tmp_path / "out" / "merge.json").read_bytes())
    assert record.adapter is None


@pytest.fixture
def shards(tmp_path) -> ResolvedBase:
    """The tiny model in several files."""
    whole = make_tiny(tmp_path / "whole")
    folder = tmp_path / "shards"
    shutil.copytree(whole, folder, ignore=shutil.ignore_patterns("*.safetensors"))
    AutoModelForCausalLM.from_pretrained(whole).save_pretrained(folder, max_shard_size="150KB")
    assert len(list(folder.glob("*.safetensors"))) > 2
    return resolve_base(str(folder), folder, lambda *_: None)


def test_a_base_in_several_files_is_merged_file_by_file(shards, tmp_path):
    folder = make_adapter(shards.folder, tmp_path / "a")
    said: list[str] = []
    merged = merge(shards, folder, tmp_path / "out", said.append)
    files = sorted(path.name for path in shards.folder.glob("*.safetensors"))
    assert sorted(path.name for path in (tmp_path / "out").glob("*.safetensors")) == files
    assert len(said) == len(files)
    index = json.loads((tmp_path / "out" / "model.safetensors.index.json").read_text())
    assert index["metadata"]["total_size"] == merged.size
    expected = adapted(shards, folder).merge_and_unload().state_dict()
    got = AutoModelForCausalLM.from_pretrained(tmp_path / "out").state_dict()
    for name, weight in got.items():
        assert torch.equal(weight, expected[name].to(torch.bfloat16)), name


def refusal(base: ResolvedBase, adapter: Path, out: Path, kind: type[Exception]) -> str:
    before = out.exists()
    with pytest.raises(kind) as refused:
        merge(base, adapter, out, quiet)
    assert out.exists() is before
    assert not list(out.parent.glob(".*partial*"))
    text = str(refused.value)
    assert len(text.splitlines()) == 1
    return text


def test_an_adapter_of_another_base_is_refused(adapter, tmp_path):
    folder = make_tiny(tmp_path / "other", seed=5)
    other = resolve_base(str(folder), folder, lambda *_: None)
    assert "was trained on tiny" in refusal(other, adapter, tmp_path / "out", AdapterMismatch)


def test_an_adapter_that_is_not_there_is_refused(base, tmp_path):
    (tmp_path / "empty").mkdir()
    assert "adapter_config.json" in refusal(base, tmp_path / "empty", tmp_path / "out", ConfigError)


@pytest.mark.parametrize("where", ["base", "adapter", "inside", "around"])
def test_base_and_adapter_are_never_written_over(base, adapter, where):
    out = {
        "base": base.folder,
        "adapter": adapter,
        "inside": base.folder / "out",
        "around": adapter.parent,
    }[where]
    assert "lie in each other" in refusal(base, adapter, out, MergeError)
    assert (base.folder / "config.json").is_file()
    assert (adapter / "adapter_config.json").is_file()


def test_only_a_merged_model_is_replaced(base, adapter, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "precious").touch()
    assert "holds precious, and `python -m" in refusal(base, adapter, out, OutputRefused)
    assert (out / "precious").exists()
    shutil.rmtree(out)
    merge(base, adapter, out, quiet)
    (out / "precious").touch()
    first = (out / RECORD).read_bytes()
    merge(base, adapter, out, quiet)
    assert (out / RECORD).read_bytes() != first  # it has the time
    assert (out / "precious").exists()


def copy_of(base: ResolvedBase, tmp_path: Path) -> ResolvedBase:
    folder = Path(shutil.copytree(base.folder, tmp_path / "copy"))
    return ResolvedBase(base.id, folder, base.hash)


def test_a_quantised_base_is_refused(base, adapter, tmp_path):
    copy = copy_of(base, tmp_path)
    path = copy.folder / "config.json"
    quantised = {"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}}
    path.write_text(json.dumps(json.loads(path.read_text()) | quantised))
    assert "is quantised itself" in refusal(copy, adapter, tmp_path / "out", MergeError)


def test_a_base_without_safetensors_is_refused(base, adapter, tmp_path):
    copy = copy_of(base, tmp_path)
    (copy.folder / "model.safetensors").rename(copy.folder / "model.bin")
    assert "no model*.safetensors" in refusal(copy, adapter, tmp_path / "out", MergeError)


def test_damaged_weights_are_one_line(base, adapter, tmp_path):
    copy = copy_of(base, tmp_path)
    path = copy.folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    assert "model.safetensors" in refusal(copy, adapter, tmp_path / "out", MergeError)


def test_a_base_that_lacks_what_is_adapted_is_refused(shards, tmp_path):
    folder = make_adapter(shards.folder, tmp_path / "a")
    sorted(shards.folder.glob("*.safetensors"))[-2].unlink()
    assert "which the adapter changes" in refusal(shards, folder, tmp_path / "out", MergeError)


def test_a_full_disk_leaves_nothing(base, adapter, tmp_path, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", "model.safetensors")

    monkeypatch.setattr("training.ship.merge.save_file", full)
    assert "No space left" in refusal(base, adapter, tmp_path / "out", OSError)
