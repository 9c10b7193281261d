"""Adapters that come and go in a loaded model: what it says, what it holds, what it refuses."""

import gc
import logging
import shutil
import weakref
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import torch

from model import assembly
from model.assembly import load, stack_adapters
from model.errors import AdapterMismatch, ConfigError
from model.loaded import LoadedModel
from model.loading.base import ResolvedBase, resolve_base
from model.loading.registry import Current, Promotion, Registry
from model.runner.lora import LoraAdapters
from model.text.codec import ChatTurn
from tests.fakes.settings import worker_settings
from tests.fakes.tiny_model import make_adapter, make_tiny, make_whole_adapter
from tests.model.runner.parity import greedy, run

VERSION, TOKENS = "0123456789abcdef", 12


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> ResolvedBase:
    folder = make_tiny(tmp_path_factory.mktemp("models") / "tiny-llama")
    return resolve_base(str(folder), folder, lambda *_: None)


@pytest.fixture(scope="module")
def adapters(base, tmp_path_factory) -> dict[str, str]:
    """Folders of adapters of several ranks; `foreign` is another base's."""
    folder = tmp_path_factory.mktemp("adapters")
    for seed, (name, rank) in enumerate({"one": 8, "two": 3, "three": 16}.items()):
        make_whole_adapter(base, folder / name, seed=seed, rank=rank)
    make_adapter(make_tiny(folder / "o", intermediate_size=64), folder / "foreign")
    return {name: str(folder / name) for name in ("one", "two", "three", "foreign")}


def load_with(base: ResolvedBase, home: Path, **adapters: str) -> LoadedModel:
    settings = worker_settings(
        base_model=str(base.folder),
        adapters=adapters,
        kv_cache_mb=8,
        cpu_compute="float32",
        fungpt_home=home,
    )
    return load(settings, lambda *_: None)


def prompt(loaded: LoadedModel) -> list[int]:
    return loaded.codec.encode_chat([ChatTurn("user", "hello there")])


def say(loaded: LoadedModel, variant: str = "tuned") -> list[int]:
    return run(loaded.engine, {0: [greedy("a", prompt(loaded), variant, TOKENS)]})["a"]


def adopt(loaded: LoadedModel, source: str, name: str = "tuned") -> None:
    loaded.engine.add_adapter(loaded.read_adapter(name, source))


def promote(home: Path, name: str, source: str) -> None:
    """Put an adapter into the registry as training does."""
    folder = Registry(home).root / name
    shutil.copytree(source, folder / VERSION)
    promotion = Promotion(
        version=VERSION, adapter="x", adapter_hash="x", promoted=datetime(2026, 1, 1, tzinfo=UTC)
    )
    (folder / "current").write_text(Current(promotions=(promotion,)).model_dump_json())


def test_an_adopted_adapter_says_what_it_says_after_a_start(base, adapters, tmp_path):
    live = load_with(base, tmp_path, tuned=adapters["one"])
    said = {name: say(load_with(base, tmp_path, tuned=adapters[name])) for name in ("one", "two")}
    assert say(live) == said["one"] != said["two"]
    adopt(live, adapters["two"])
    assert say(live) == said["two"]
    adopt(live, adapters["one"])
    assert say(live) == said["one"]


def test_base_rows_do_not_notice(base, adapters, tmp_path):
    live = load_with(base, tmp_path)
    before = say(live, "base")
    adopt(live, adapters["three"])
    assert say(live, "base") == before
    live.engine.remove_adapter("tuned")
    assert (say(live, "base"), live.engine.variants) == (before, ("base",))


def test_a_running_row_says_what_it_says_alone(base, adapters, tmp_path):
    live = load_with(base, tmp_path, tuned=adapters["one"])
    alone = say(live)
    said: dict[str, list[int]] = {"old": [], "new": []}
    live.engine.add(greedy("old", prompt(live), "tuned", TOKENS))
    for step in range(200):
        if step == 4:
            adopt(live, adapters["three"])
            live.engine.add(greedy("new", prompt(live), "tuned", TOKENS))
        for output in live.engine.step():
            if output.token_id is not None:
                said[output.id].append(output.token_id)
    assert said["old"] == alone
    assert said["new"] == say(live) != alone


def load_and_watch(
    base: ResolvedBase, home: Path, **adapters: str
) -> tuple[LoadedModel, LoraAdapters]:
    """A loaded model, and the stacks that its runner reads."""
    made: list[LoraAdapters] = []

    def keep(*arguments: Any) -> LoraAdapters:
        made.append(stack_adapters(*arguments))
        return made[0]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(assembly, "stack_adapters", keep)
        return load_with(base, home, **adapters), made[0]


def test_the_old_weights_are_gone_after_the_last_row(base, adapters, tmp_path):
    live, stacks = load_and_watch(base, tmp_path, tuned=adapters["one"])
    old = [weakref.ref(stack) for layer in stacks.stacks for stack in layer if stack is not None]
    live.engine.add(greedy("a", prompt(live), "tuned", TOKENS))
    live.engine.step()
    adopt(live, adapters["two"])
    both = size(stacks)
    assert len(stacks.cards) == 2
    live.engine.abort("a")
    live.engine.step()
    gc.collect()
    assert len(stacks.cards) == 1
    assert [ref for ref in old if ref() is not None] == []
    _, alone = load_and_watch(base, tmp_path, tuned=adapters["two"])
    assert size(stacks) == size(alone) < both


def size(stacks: LoraAdapters) -> int:
    """Bytes of all stacks: a part is a view into the memory of all adapters."""
    parts = [stack.part(0) for layer in stacks.stacks for stack in layer if stack is not None]
    sides = [side for part in parts if part is not None for side in (part.a, part.b)]
    assert len(sides) == 2 * sum(map(len, stacks.stacks))
    return sum(side.untyped_storage().nbytes() for side in sides)


def test_after_a_change_rows_of_the_only_adapter_need_no_mask_again(base, adapters, tmp_path):
    live, stacks = load_and_watch(base, tmp_path, tuned=adapters["one"])
    adopt(live, adapters["two"])
    card = live.read_adapter("tuned", adapters["two"]).card
    mask = stacks.mask([card, card], [1, 1])
    assert mask is not None
    assert mask.rows is None


@pytest.mark.parametrize(
    ("source", "kind", "words"),
    [("foreign", AdapterMismatch, "tiny-llama"), ("/nowhere", ConfigError, "neither a folder")],
)
def test_an_adapter_that_does_not_fit_is_refused_and_changes_nothing(
    base, adapters, tmp_path, source, kind, words
):
    live = load_with(base, tmp_path, tuned=adapters["one"])
    before = say(live)
    with pytest.raises(kind, match=words):
        live.read_adapter("tuned", adapters.get(source, source))
    assert say(live) == before


def test_no_memory_for_it_is_one_line_and_changes_nothing(base, adapters, tmp_path, monkeypatch):
    live = load_with(base, tmp_path, tuned=adapters["one"])
    before = say(live)
    ready = live.read_adapter("tuned", adapters["two"])

    def full(*_: object) -> None:
        raise torch.OutOfMemoryError("full")

    monkeypatch.setattr("model.runner.lora.LoraStack", full)
    with pytest.raises(ConfigError, match="adapter tuned does not fit into memory"):
        live.engine.add_adapter(ready)
    assert say(live) == before


def test_another_fault_is_not_taken_for_a_lack_of_memory(base, adapters, tmp_path, monkeypatch):
    live = load_with(base, tmp_path)

    def broken(*_: object) -> None:
        raise RuntimeError("broken")

    ready = live.read_adapter("tuned", adapters["two"])
    monkeypatch.setattr("model.runner.lora.LoraStack", broken)
    with pytest.raises(RuntimeError, match="broken"):
        live.engine.add_adapter(ready)


def test_the_registry_goes_before_the_settings(base, adapters, tmp_path):
    promote(tmp_path, "tuned", adapters["two"])
    promote(tmp_path, "spicy", adapters["three"])
    loaded = load_with(base, tmp_path, tuned=adapters["one"], other=adapters["one"])
    assert loaded.engine.variants == ("base", "tuned", "other", "spicy")
    assert loaded.adapters["tuned"].source == str(Registry(tmp_path).root / "tuned" / VERSION)
    assert say(loaded) == say(load_with(base, tmp_path / "none", tuned=adapters["two"]))


@pytest.mark.parametrize("spoil", ["foreign", "weights", "folder", "current"])
def test_what_is_promoted_and_does_not_fit_does_not_stop_the_start(
    base, adapters, tmp_path, caplog, spoil
):
    promote(tmp_path, "tuned", adapters["foreign" if spoil == "foreign" else "two"])
    folder = tmp_path / "adapters" / "tuned" / VERSION
    if spoil == "weights":
        (folder / "adapter_model.safetensors").write_bytes(b"")
    if spoil == "folder":
        shutil.rmtree(folder)
    if spoil == "current":
        (folder.parent / "current").write_text("{")
    caplog.set_level(logging.WARNING)
    loaded = load_with(base, tmp_path, tuned=adapters["one"])
    assert loaded.adapters["tuned"].source == adapters["one"]
    assert len(caplog.records) == 1
    assert "tuned" in caplog.text
