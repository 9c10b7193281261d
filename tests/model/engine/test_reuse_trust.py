"""Rows that failed or were given up leave nothing, and adapters share nothing with anybody."""

import pytest

from model.engine.api import AdapterCard, ReadyAdapter
from tests.fakes.counting_runner import answer_alone
from tests.model.engine.test_engine import VOCAB, Bench
from tests.model.engine.test_engine_faults import Scene
from tests.model.engine.test_engine_faults import request as faulty_row
from tests.model.engine.test_reuse import NEVER, PROMPT, Reuse, row


@pytest.fixture
def bench() -> Reuse:
    return Reuse()


def test_adapters_and_base_share_nothing(bench):
    bench.say(row("a"))
    bench.say(row("b", variant="tuned"))
    assert (bench.cached["a"], bench.cached["b"]) == (0, 0)
    bench.say(row("c", variant="tuned"))
    assert bench.cached["c"] == len(PROMPT) - 1
    bench.add(row("d"))
    bench.add(row("e", variant="tuned"))
    bench.drain()
    assert bench.cached["d"] == bench.cached["e"] == len(PROMPT) - 1


def kept_cards(bench: Bench) -> list[AdapterCard | None]:
    return [prefix.card for prefix in bench.scheduler._reuse.kept]


def adopt(bench: Bench, hash_: str) -> None:
    card = AdapterCard("tuned", hash_, "")
    bench.engine.add_adapter(ReadyAdapter(card, lambda: None))


@pytest.mark.parametrize("how", ["another version", "removed"])
def test_what_an_adapter_has_left_goes_with_it(bench, how):
    bench.say(row("a", variant="tuned"))
    bench.say(row("b"))
    bench.add(row("running", tokens=9, variant="tuned"))
    bench.step()
    assert [card and card.name for card in kept_cards(bench)] == [None, "tuned"]
    if how == "removed":
        bench.engine.remove_adapter("tuned")
    else:
        adopt(bench, "second")
    assert kept_cards(bench) == [None], "at once, though a row still runs"
    bench.drain()
    assert kept_cards(bench) == [None], "nor does that row leave anything"
    if how == "removed":
        return
    new = row("new", variant="tuned")
    bench.add(new)
    bench.drain()
    assert bench.cached["new"] == 0
    assert bench.said["new"] == answer_alone(new, VOCAB, NEVER, "second")


def test_the_same_version_again_frees_nothing(bench):
    bench.say(row("a", variant="tuned"))
    adopt(bench, "tuned")
    bench.say(row("b", variant="tuned"))
    assert bench.cached["b"] == len(PROMPT) - 1


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_an_aborted_row_leaves_nothing(bench, steps):
    bench.add(row("a", tokens=9))
    for _ in range(steps):
        bench.step()
    bench.engine.abort("a")
    bench.drain()
    assert kept_cards(bench) == []
    bench.say(row("b"))
    assert bench.cached["b"] == 0


@pytest.mark.parametrize("fault", ["raises_for", "nothing_for"])
def test_a_failed_row_leaves_nothing(fault):
    scene = Scene("a", prompt=12)
    scene.step()
    setattr(scene.runner, fault, {"a"})
    scene.drain()
    assert scene.errors.keys() == {"a"}
    scene.runner.raises_for = scene.runner.nothing_for = set()
    scene.engine.add(faulty_row("b", prompt=12))
    (output,) = scene.step()
    assert (output.finish_reason, output.cached_tokens) == (None, 0)


def test_a_prompt_without_numbers_is_no_source_for_those_behind_it():
    scene = Scene(prompt=12)
    scene.runner.nothing_for = {"a"}
    for name in "ab":
        scene.engine.add(row(name, PROMPT))
    scene.drain()
    assert scene.errors.keys() == {"a"}
    begun = next(item for batch in scene.runner.steps for item in batch if item.id == "b")
    assert begun.position == 0
    assert scene.said["b"] == answer_alone(row("b"), VOCAB, NEVER)


def test_after_a_fault_nothing_kept_is_trusted():
    scene = Scene()
    scene.engine.add(row("sound", PROMPT))
    scene.drain()
    scene.runner.raises_for = {"bad"}
    scene.engine.add(row("bad", (9, 9, 9, 9, 9)))
    scene.drain()
    scene.engine.add(row("again", PROMPT))
    (output,) = scene.step()
    assert output.cached_tokens == 0


def test_where_the_cache_cannot_be_copied_rows_compute_their_prompts(bench, monkeypatch):
    def broken(*_: int) -> None:
        raise RuntimeError("no copy")

    monkeypatch.setattr(bench.runner, "copy", broken)
    for name in "abc":
        bench.add(row(name))
    bench.drain()
    assert bench.cached == {"a": 0, "b": 0, "c": 0}
    for name in "abc":
        assert bench.said[name] == answer_alone(row(name), VOCAB, NEVER)
