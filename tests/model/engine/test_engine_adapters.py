"""Another version of an adapter while rows run: old rows keep the old one, new ones get the new."""

from dataclasses import replace

import pytest

from model.engine.api import AdapterCard, FinishReason, ReadyAdapter, TokenRequest
from model.errors import ConfigError, UnknownModel
from model.sampling import SamplingParams
from tests.fakes.counting_runner import answer_alone
from tests.model.engine.test_engine import VOCAB, Bench

FIRST = AdapterCard("tuned", "tuned", "")  # what the bench begins with
SECOND = replace(FIRST, hash="second")
THIRD = replace(FIRST, hash="third")
NEVER: set[int] = set()


def row(id_: str, tokens: int = 6, variant: str = "tuned") -> TokenRequest:
    return TokenRequest(id_, (5, 6, 7), variant, SamplingParams(max_tokens=tokens))


class Swaps(Bench):
    """A bench that counts what is placed."""

    def __init__(self, **limits: int) -> None:
        super().__init__(eos=NEVER, **limits)
        self.placed: list[AdapterCard] = []

    def add_adapter(self, card: AdapterCard) -> None:
        def place() -> None:
            self.placed.append(card)
            if card in self.runner.removed:
                self.runner.removed.remove(card)

        self.engine.add_adapter(ReadyAdapter(card, place))

    def said_by(self, request: TokenRequest) -> str:
        """Whose words they are: the hash, found by comparing."""
        for card in (FIRST, SECOND, THIRD):
            if self.said[request.id] == answer_alone(request, VOCAB, NEVER, card.hash):
                return card.hash
        return "nobody's"


@pytest.fixture
def bench() -> Swaps:
    return Swaps()


def test_running_rows_finish_on_the_old_one_and_new_rows_begin_on_the_new(bench):
    old, new = row("old"), row("new")
    assert bench.engine.add(old) == FIRST
    bench.step()
    bench.step()
    bench.add_adapter(SECOND)
    assert bench.engine.variants == ("base", "tuned")
    assert bench.engine.add(new) == SECOND
    assert bench.engine.add(row("plain", variant="base")) is None
    bench.accepted |= {"old": old, "new": new}
    bench.drain()
    assert (bench.said_by(old), bench.said_by(new)) == ("tuned", "second")
    assert bench.ended["old"] == bench.ended["new"] == [FinishReason.LENGTH]


def test_the_old_ones_memory_is_freed_with_its_last_row(bench):
    for name in ("a", "b"):
        bench.engine.add(row(name, tokens=4))
    bench.add_adapter(SECOND)
    bench.engine.add(row("c", tokens=40))
    assert bench.runner.removed == []
    bench.engine.abort("a")
    assert bench.runner.removed == []
    while not bench.ended["b"]:
        assert bench.runner.removed == []
        bench.step()
    assert bench.runner.removed == [FIRST]


def test_without_rows_it_is_freed_at_once(bench):
    bench.add_adapter(SECOND)
    assert bench.runner.removed == [FIRST]


def test_a_waiting_row_keeps_the_version_it_was_accepted_with():
    bench = Swaps(max_running=1)
    running, waiting = row("running"), row("waiting")
    bench.engine.add(running)
    bench.step()
    bench.engine.add(waiting)
    bench.add_adapter(SECOND)
    bench.drain()
    assert bench.said_by(waiting) == "tuned"
    assert bench.runner.removed == [FIRST]


def test_back_to_a_version_that_rows_still_use_places_nothing(bench):
    bench.engine.add(row("old", tokens=30))
    bench.add_adapter(SECOND)
    bench.add_adapter(FIRST)
    assert bench.placed == [SECOND]
    assert bench.runner.removed == [SECOND]
    assert bench.engine.add(row("new")) == FIRST
    bench.drain()
    assert bench.runner.removed == [SECOND]


def test_the_same_version_again_changes_nothing(bench):
    bench.add_adapter(FIRST)
    assert bench.placed == bench.runner.removed == []


def test_three_versions_at_once(bench):
    rows = [row("one", 12), row("two", 12), row("three", 12)]
    for request, card in zip(rows, (FIRST, SECOND, THIRD), strict=True):
        bench.add_adapter(card)
        bench.engine.add(request)
        bench.step()
    bench.drain()
    assert [bench.said_by(request) for request in rows] == ["tuned", "second", "third"]
    assert bench.runner.removed == [FIRST, SECOND]


def test_a_new_name_is_one_more_variant(bench):
    bench.add_adapter(replace(SECOND, name="spicy"))
    assert bench.engine.variants == ("base", "tuned", "spicy")
    assert bench.runner.removed == []


def test_a_dropped_name_takes_no_more_rows_and_keeps_those_it_has(bench):
    old = row("old")
    bench.engine.add(old)
    bench.engine.remove_adapter("tuned")
    bench.engine.remove_adapter("unknown")
    assert bench.engine.variants == ("base",)
    with pytest.raises(UnknownModel):
        bench.engine.add(row("new"))
    assert bench.runner.removed == []
    bench.drain()
    assert bench.said_by(old) == "tuned"
    assert bench.runner.removed == [FIRST]


def test_an_adapter_without_room_changes_nothing(bench):
    def full() -> None:
        raise ConfigError("no room")

    with pytest.raises(ConfigError):
        bench.engine.add_adapter(ReadyAdapter(SECOND, full))
    assert bench.engine.add(row("a")) == FIRST
    assert bench.runner.removed == []
