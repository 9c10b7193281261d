"""The GPU's runner over a device of lists: steps begun ahead change nothing that a row says."""

import random

import pytest
import torch

from model.engine.api import AdapterCard, FinishReason, ReadyAdapter, TokenOutput, TokenRequest
from model.engine.batch import BatchRow
from model.engine.cache import BlockPool
from model.engine.engine import TokenEngine
from model.engine.scheduler import Scheduler
from model.runner.gpu.runner import GraphRunner
from model.runner.lora import LoraAdapters
from model.sampling import SamplingParams
from tests.fakes.step_device import ListDevice, answer_on_device

VOCAB, BLOCK, MOST = 50, 4, 3


class Rig:
    """An engine over the runner; what each row has said."""

    def __init__(
        self, *, rows: int = 5, blocks: int = 40, chunk: int = 6, most: int = MOST, small: int = 0
    ) -> None:
        self.device = ListDevice(VOCAB, (blocks + 1) * BLOCK, BLOCK)
        self.adapters = LoraAdapters([], {}, 0, torch.float32, torch.device("cpu"))
        self.runner = GraphRunner(
            self.device, self.adapters, self.device, block_tokens=BLOCK, max_rows=rows, most=most,
            vocab_size=VOCAB,
        )  # fmt: skip
        pool = BlockPool(blocks, BLOCK)
        scheduler = Scheduler(
            pool, max_running=rows, max_waiting=100, prefill_chunk=chunk, small_step=small
        )
        self.engine = TokenEngine(
            self.runner, scheduler, pool, adapters=(), max_context=64, eos_ids={7}
        )
        self.said: dict[str, list[int]] = {}
        self.ended: dict[str, FinishReason] = {}

    def add(self, id_: str, prompt: list[int], tokens: int, variant: str = "base") -> TokenRequest:
        params = SamplingParams(max_tokens=tokens)
        request = TokenRequest(id_, tuple(prompt), variant, params)
        self.engine.add(request)
        self.said[id_] = []
        self.ended.pop(id_, None)
        return request

    def add_adapter(self, name: str, hash_: str) -> None:
        card = AdapterCard(name, hash_, "folder")
        self.engine.add_adapter(ReadyAdapter(card, lambda: self.adapters.add(card, [])))

    def step(self) -> list[TokenOutput]:
        outputs = self.engine.step()
        for output in outputs:
            if output.token_id is not None:
                self.said[output.id].append(output.token_id)
            if output.finish_reason is not None:
                self.ended[output.id] = output.finish_reason
        return outputs

    def finish(self) -> None:
        while self.engine.has_work():
            self.step()


def expected(request: TokenRequest, hash_: str = "base") -> list[int]:
    said = answer_on_device(request, VOCAB, hash_)
    return said[: said.index(7)] if 7 in said else said


def test_the_next_step_begins_before_the_last_one_is_read() -> None:
    rig = Rig()
    request = rig.add("a", [1, 2, 3], 6)
    rig.finish()
    assert rig.said["a"] == expected(request)
    # The first of them knows nothing to go on from; each later one is begun before the read.
    assert rig.device.log[:6] == ["start 1", "read 1", "start 2", "start 3", "read 2", "start 4"]


def test_a_prompt_of_one_token_joins_rows_whose_step_was_begun() -> None:
    rig = Rig()
    first = rig.add("a", [1, 2, 3], 12)
    for _ in range(4):
        rig.step()
    second = rig.add("b", [4], 12)
    rig.finish()
    assert (rig.said["a"], rig.said["b"]) == (expected(first), expected(second))


def test_a_prompt_joins_the_steps_of_rows_that_decode_and_they_do_not_wait_for_it() -> None:
    rig = Rig(most=6, small=6, chunk=40)
    first = rig.add("a", [1, 2, 3], 14)
    for _ in range(3):
        rig.step()
    second = rig.add("b", list(range(12)), 8)
    del rig.device.log[:]
    spoken = [rig.said["a"][:]]
    for _ in range(4):
        rig.step()
        spoken.append(rig.said["a"][:])
    # Five tokens of the prompt, and five again, in steps that also give "a" its next token.
    assert rig.device.log == [
        "read 4", "start 5", "read 5", "start 6", "read 6", "start 7", "read 7", "start 8",
    ]  # fmt: skip
    assert [len(said) for said in spoken] == [3, 4, 5, 6, 7]
    assert len(rig.said["b"]) == 1
    rig.finish()
    assert (rig.said["a"], rig.said["b"]) == (expected(first), expected(second))


def test_a_prompt_that_is_given_up_in_the_middle_leaves_nothing_to_whoever_gets_its_cache() -> None:
    rig = Rig(most=4, small=4, chunk=40, blocks=8)
    first = rig.add("a", [1, 2], 14)
    for _ in range(2):
        rig.step()
    rig.add("b", list(range(9)), 2)
    rig.step()
    rig.engine.abort("b")
    second = rig.add("c", [5, 6, 7, 8, 9], 6)
    rig.finish()
    assert (rig.said["a"], rig.said["c"]) == (expected(first), expected(second))


def test_an_id_that_comes_again_gets_nothing_of_the_row_that_was_aborted() -> None:
    rig = Rig()
    rig.add("a", [1, 2, 3], 12)
    for _ in range(4):
        rig.step()
    rig.engine.abort("a")
    rig.step()
    # Its first decode step is at the position of the step that was begun for the aborted row.
    again = rig.add("a", [9, 9, 9, 9, 9, 9], 12)
    rig.finish()
    assert rig.said["a"] == expected(again)


def test_adapters_that_come_and_go_between_a_step_and_the_next_leave_each_row_its_own() -> None:
    rig = Rig()
    rig.add_adapter("one", "hash 1")
    rig.add_adapter("two", "hash 2")
    short, long = rig.add("a", [1, 2], 4, "one"), rig.add("b", [3, 4], 20, "two")
    base = rig.add("c", [5, 6], 20)
    for _ in range(3):
        rig.step()
    rig.engine.remove_adapter("one")  # goes with its last row: "two" has another number then
    rig.add_adapter("three", "hash 3")
    rig.finish()
    assert [card.name for card in rig.adapters.cards] == ["two", "three"]
    assert rig.said["a"] == expected(short, "hash 1")
    assert rig.said["b"] == expected(long, "hash 2")
    assert rig.said["c"] == expected(base)


def test_an_adapter_that_goes_renumbers_those_of_rows_whose_step_was_begun() -> None:
    rig = Rig()
    rig.add_adapter("one", "hash 1")
    rig.add_adapter("two", "hash 2")
    request = rig.add("a", [1, 2, 3], 12, "two")
    for _ in range(4):
        rig.step()
    rig.engine.remove_adapter("one")
    rig.finish()
    assert rig.said["a"] == expected(request, "hash 2")


def test_far_more_rows_may_wait_than_have_counts() -> None:
    rig = Rig(rows=2)
    requests = [rig.add(str(i), [i, i + 1], 5) for i in range(20)]
    assert rig.device.counted == {}
    rig.finish()
    assert rig.said == {request.id: expected(request) for request in requests}
    assert set(rig.device.counted) == {0, 1}


@pytest.mark.parametrize("steps", [1, 4], ids=["before a step is begun", "while one runs"])
def test_a_row_without_numbers_ends_alone_and_its_token_reaches_no_step(steps: int) -> None:
    rig = Rig()
    rig.add("a", [1, 2, 3], 12)
    for _ in range(steps):
        rig.step()
    rig.device.broken = {4, 3, 2, 1, 0}
    rig.finish()
    assert rig.ended["a"] is FinishReason.ERROR
    rig.device.broken = set()
    request = rig.add("b", [1, 2, 3], 12)
    rig.finish()
    assert rig.said["b"] == expected(request)


@pytest.mark.parametrize("prompt", [[9], [9, 8], [9] * 30])
def test_what_the_kernels_lack_is_sampled_on_the_host_beside_other_rows(prompt: list[int]) -> None:
    rig = Rig()
    first = rig.add("a", [1, 2, 3], 12)
    for _ in range(4):
        rig.step()
    biased = SamplingParams(max_tokens=3, temperature=0, logit_bias=((11, 100.0),))
    rig.engine.add(TokenRequest("b", tuple(prompt), "base", biased))
    rig.said["b"] = []
    rig.finish()
    assert rig.said == {"a": expected(first), "b": [11, 11, 11]}
    assert rig.ended["b"] is FinishReason.LENGTH


def test_a_token_that_no_step_owes_ends_its_row() -> None:
    rig = Rig()
    request = TokenRequest("a", (1, 2), "base", SamplingParams(max_tokens=3))
    rig.runner.begin(request)
    with pytest.raises(RuntimeError, match="the token of row a is lost"):
        rig.runner.run([BatchRow("a", None, [], 2, 0, samples=True)])


def test_a_prompt_without_numbers_ends_its_row() -> None:
    rig = Rig()
    rig.device.broken = {4, 3, 2, 1, 0}
    rig.add("a", [1, 2, 3], 12)
    rig.finish()
    assert rig.ended["a"] is FinishReason.ERROR


@pytest.mark.parametrize("most", [3, 4, 8])
@pytest.mark.parametrize("seed", range(6))
def test_whoever_joins_ends_or_is_aborted_all_rows_say_what_they_say_alone(
    seed: int, most: int
) -> None:
    rig, chance = Rig(most=most, small=most if most > MOST else 0), random.Random(seed)
    hashes = {"base": "base"}
    requests: dict[str, tuple[TokenRequest, str]] = {}
    for number in range(120):
        if chance.random() < 0.3:
            name = chance.choice(["one", "two", "three"])
            if name in rig.engine.variants and chance.random() < 0.5:
                rig.engine.remove_adapter(name)
            else:
                hashes[name] = f"{name} {number}"
                rig.add_adapter(name, hashes[name])
        id_ = str(chance.randrange(200))
        if id_ not in requests or id_ in rig.ended:
            prompt = [chance.randrange(VOCAB) for _ in range(chance.choice([1, 1, 2, 5, 9]))]
            variant = chance.choice(rig.engine.variants)
            check(rig, requests.pop(id_, None))
            request = rig.add(id_, prompt, chance.randint(1, 15), variant)
            requests[id_] = (request, hashes[variant])
        if chance.random() < 0.2:
            rig.engine.abort(chance.choice(list(requests)))
        for _ in range(chance.randrange(4)):
            rig.step()
    rig.finish()
    for one in requests.values():
        check(rig, one)


@pytest.mark.parametrize("seed", range(6))
def test_rows_that_share_their_beginnings_say_what_they_say_alone(seed: int) -> None:
    """Prompts are pieces of a few texts, and go on with what an earlier row has said."""
    rig, chance = Rig(), random.Random(seed)
    texts = [[chance.randrange(VOCAB) for _ in range(12)] for _ in range(3)]
    requests: list[TokenRequest] = []
    cached = 0
    for number in range(150):
        text = chance.choice(texts)[: chance.randint(1, 12)]
        if requests and chance.random() < 0.5:
            earlier = chance.choice(requests)
            text = [*earlier.input_ids, *rig.said[earlier.id]][:40] + text[:4]
        requests.append(rig.add(str(number), text, chance.randint(1, 12)))
        if chance.random() < 0.1:
            rig.engine.abort(chance.choice(requests).id)
        for _ in range(chance.randrange(4)):
            cached += sum(output.cached_tokens > 0 for output in rig.step())
    rig.finish()
    assert cached > 50
    for request in requests:
        check(rig, (request, "base"))


def check(rig: Rig, one: tuple[TokenRequest, str] | None) -> None:
    if one is None:
        return
    request, hash_ = one
    said, whole = rig.said[request.id], expected(request, hash_)
    if rig.ended[request.id] is FinishReason.ABORT:
        assert said == whole[: len(said)]
    else:
        assert said == whole
