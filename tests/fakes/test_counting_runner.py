"""The watching runner itself: it lets a right engine pass and catches each wrong one."""

from dataclasses import replace

import pytest

from model.engine.api import AdapterCard, TokenRequest
from model.engine.batch import BatchRow
from model.sampling import SamplingParams
from tests.fakes.counting_runner import CountingRunner, answer_alone, next_token

TUNED = AdapterCard("tuned", "one", "here")


def request(id_: str = "a", prompt: tuple[int, ...] = (5, 6, 7), tokens: int = 3) -> TokenRequest:
    return TokenRequest(id_, prompt, "base", SamplingParams(max_tokens=tokens))


def piece(**changes: object) -> BatchRow:
    whole = BatchRow("a", None, [5, 6, 7], position=0, cache_start=0, samples=True)
    return replace(whole, **changes)


@pytest.fixture
def runner() -> CountingRunner:
    made = CountingRunner(100, 16)
    made.begin(request())
    return made


def test_right_slices_give_the_answer_a_row_has_alone(runner):
    said = answer_alone(request(), 100, set())
    assert runner.run([piece(input_ids=[5, 6], samples=False)]) == {}
    assert runner.run([piece(input_ids=[7], position=2)]) == {"a": said[0]}
    assert runner.run([piece(input_ids=[said[0]], position=3)]) == {"a": said[1]}
    assert runner.live == {"a"}
    runner.end("a")
    runner.end("unknown")
    assert runner.live == set()


def test_an_answer_ends_at_an_end_token():
    said = answer_alone(request(tokens=50), 10, set())
    assert len(said) == 50
    assert answer_alone(request(tokens=50), 10, {said[7]}) == said[: said.index(said[7])]


def test_the_next_token_depends_on_all_that_was_shown_and_on_the_variant():
    assert len({next_token([1, 2], v, 10**9) for v in ("base", "tuned")}) == 2
    assert next_token([1, 2], "base", 10**9) != next_token([2, 2], "base", 10**9)


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        [piece(), piece()],
        [piece(adapter=TUNED)],
        [piece(input_ids=[])],
        [piece(position=1, input_ids=[6, 7])],
        [piece(input_ids=[5, 6, 8])],
        [piece(samples=False)],
        [piece(input_ids=[5, 6])],
        [piece(cache_start=11)],
    ],
)
def test_wrong_slices_are_caught(runner, wrong):
    with pytest.raises(AssertionError):
        runner.run(wrong)


def test_a_row_that_changes_its_adapter_is_caught(runner):
    runner.begin(replace(request("b"), variant="tuned"))
    runner.run([piece(id="b", adapter=TUNED, input_ids=[5], samples=False)])
    with pytest.raises(AssertionError, match="changed"):
        runner.run(
            [piece(id="b", adapter=replace(TUNED, hash="two"), input_ids=[6, 7], position=1)]
        )


def test_a_dropped_adapter_is_not_used_or_dropped_again(runner):
    runner.begin(replace(request("b"), variant="tuned"))
    runner.remove_adapter(TUNED)
    with pytest.raises(AssertionError, match="removed"):
        runner.run([piece(id="b", adapter=TUNED)])
    with pytest.raises(AssertionError, match="twice"):
        runner.remove_adapter(TUNED)


def test_an_invented_token_is_caught(runner):
    runner.run([piece()])
    wrong = (next_token([5, 6, 7], "base", 100) + 1) % 100
    with pytest.raises(AssertionError, match="other tokens"):
        runner.run([piece(input_ids=[wrong], position=3)])


def test_a_row_that_moves_is_caught(runner):
    runner.run([piece(input_ids=[5], samples=False)])
    with pytest.raises(AssertionError, match="moved"):
        runner.run([piece(input_ids=[6, 7], position=1, cache_start=4)])


def test_a_row_in_anothers_cache_is_caught(runner):
    runner.begin(request("b"))
    runner.run([piece()])
    with pytest.raises(AssertionError, match="another's cache"):
        runner.run([piece(id="b", cache_start=5)])


def test_a_row_that_begins_twice_is_caught(runner):
    with pytest.raises(AssertionError, match="twice"):
        runner.begin(request())


def test_a_row_may_begin_behind_a_copy_of_what_it_shares(runner):
    runner.run([piece()])
    runner.begin(request("b", (5, 6, 9)))
    runner.copy(0, 8, 2)
    said = answer_alone(request("b", (5, 6, 9)), 100, set())
    assert runner.run([piece(id="b", input_ids=[9], position=2, cache_start=8)]) == {"b": said[0]}
    assert runner.copies == [(0, 8, 2)]


@pytest.mark.parametrize(
    ("prompt", "copied", "variant"),
    [((5, 6, 9), 1, "base"), ((5, 7, 9), 2, "base"), ((5, 6, 9), 2, "tuned")],
    ids=["too little", "other tokens", "another adapter's"],
)
def test_a_row_that_builds_upon_what_is_not_its_own_is_caught(runner, prompt, copied, variant):
    runner.run([piece()])
    runner.begin(replace(request("b", prompt), variant=variant))
    runner.copy(0, 8, copied)
    adapter = TUNED if variant == "tuned" else None
    with pytest.raises(AssertionError, match="does not hold"):
        runner.run([piece(id="b", adapter=adapter, input_ids=[9], position=2, cache_start=8)])


@pytest.mark.parametrize(("source", "to", "count"), [(0, 8, 0), (-1, 0, 2), (0, 15, 2)])
def test_a_copy_of_nothing_or_of_slots_that_do_not_exist_is_caught(runner, source, to, count):
    with pytest.raises(AssertionError):
        runner.copy(source, to, count)
