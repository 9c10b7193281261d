"""What rows have in common is computed once, and every row still says what it says alone."""

from collections.abc import Sequence as Tokens

import pytest

from model.engine.api import TokenRequest
from model.sampling import SamplingParams
from tests.fakes.counting_runner import answer_alone
from tests.model.engine.test_engine import BLOCK, VOCAB, Bench

NEVER: set[int] = set()
PROMPT = (*range(11), 5, 5)  # three blocks and a token


def row(
    name: str, ids: Tokens[int] = PROMPT, tokens: int = 3, variant: str = "base"
) -> TokenRequest:
    return TokenRequest(name, tuple(ids), variant, SamplingParams(max_tokens=tokens))


class Reuse(Bench):
    """A bench that counts what of each row's prompt was computed, and what the row was told."""

    def __init__(self, **limits: int) -> None:
        super().__init__(
            eos=NEVER, **({"blocks": 60, "context": 200, "prefill_chunk": 100} | limits)
        )
        self.cached: dict[str, int] = {}

    def step(self):
        outputs = super().step()
        for output in outputs:
            if output.token_id is not None:
                self.cached[output.id] = output.cached_tokens
        return outputs

    def say(self, request: TokenRequest) -> list[int]:
        """Run one row to its end: its tokens, which must be its own."""
        self.add(request)
        self.drain()
        words = self.said[request.id]
        assert words == answer_alone(request, VOCAB, NEVER)
        return words

    def computed(self, name: str) -> int:
        """How many tokens of a row's prompt were computed."""
        prompt = len(self.accepted[name].input_ids)
        steps = [item for batch in self.runner.steps for item in batch if item.id == name]
        return sum(len(item.input_ids) for item in steps if item.position < prompt)


@pytest.fixture
def bench() -> Reuse:
    return Reuse()


def test_a_conversation_that_goes_on_begins_behind_what_was_said(bench):
    ids, before = list(PROMPT), 1
    for turn in range(8):
        request = row(str(turn), ids, tokens=6)
        ids += bench.say(request)
        # All but the last sampled token were computed: their whole blocks are there.
        expected = (before - 1) // BLOCK * BLOCK
        assert bench.cached[str(turn)] == expected
        assert bench.computed(str(turn)) == len(request.input_ids) - expected
        before = len(ids)
        ids += [turn, 3]
    assert bench.runner.copies == [], "it lies where it lay"


def test_the_last_token_of_a_prompt_is_always_computed(bench):
    for name, length in (("a", 12), ("b", 12), ("c", 8), ("d", 1), ("e", 1)):
        bench.say(row(name, PROMPT[:length]))
    assert [bench.computed(name) for name in "abcde"] == [12, 1, 1, 1, 1]
    assert [bench.cached[name] for name in "abcde"] == [0, 11, 7, 0, 0]


def test_conversations_that_alternate_are_all_kept(bench):
    talks = {name: [name, name + 1, 1, 1, 1] for name in range(4)}
    for turn in range(5):
        for name, ids in talks.items():
            said = bench.say(row(f"{name}.{turn}", ids, tokens=5))
            before = len(ids) - 3 if turn else 0
            assert bench.cached[f"{name}.{turn}"] >= before // BLOCK * BLOCK
            ids += [*said, 2, 2]
    assert bench.runner.copies


def test_several_answers_to_one_prompt_read_it_once(bench):
    rows = [row(str(i), tokens=4) for i in range(3)]
    for request in rows:
        bench.add(request)
    bench.drain()
    assert [bench.computed(str(i)) for i in range(3)] == [len(PROMPT), 1, 1]
    assert [bench.cached[str(i)] for i in range(3)] == [0, len(PROMPT) - 1, len(PROMPT) - 1]
    for request in rows:
        assert bench.said[request.id] == answer_alone(request, VOCAB, NEVER)
    first_steps = [next(i for i, batch in enumerate(bench.runner.steps)
                        if name in {item.id for item in batch}) for name in "012"]  # fmt: skip
    assert first_steps == [0, 1, 1], "they begin in the step after the first one's prompt"


@pytest.mark.parametrize("tokens", [1, 4])
def test_a_long_prompt_is_read_once_for_all_though_it_takes_several_steps(tokens):
    bench = Reuse(prefill_chunk=4, max_running=8, max_waiting=8)
    for i in range(8):
        bench.add(row(str(i), tokens=tokens))
    bench.drain()
    assert sum(bench.computed(str(i)) for i in range(8)) == len(PROMPT) + 7


def test_a_row_whose_forerunner_is_aborted_reads_its_prompt_itself():
    bench = Reuse(prefill_chunk=4)
    bench.add(row("a"))
    bench.add(row("b"))
    bench.step()
    bench.engine.abort("a")
    bench.drain()
    assert bench.computed("b") == len(PROMPT)
    assert bench.said["b"] == answer_alone(row("b"), VOCAB, NEVER)


def test_none_waits_for_a_prompt_of_which_it_has_all_that_it_shares(bench):
    bench.say(row("first", PROMPT[:9]))
    bench.add(row("a", [*PROMPT[:8], 1, 2, 3]))
    bench.add(row("b", [*PROMPT[:8], 7, 7]))
    assert {output.id for output in bench.step()} == {"a", "b"}
    assert (bench.cached["a"], bench.cached["b"]) == (8, 8)


def test_none_overtakes_a_row_that_waits_for_an_older_prompt():
    bench = Reuse(prefill_chunk=100)
    for name, ids in (("a", PROMPT), ("b", PROMPT), ("c", (9, 9, 9))):
        bench.add(row(name, ids))
    assert {output.id for output in bench.step()} == {"a"}
    assert {output.id for output in bench.step()} == {"a", "b", "c"}
