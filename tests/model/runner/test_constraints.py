"""A row's constraint in the sampler, and what happens where it fails."""

import math
from typing import Any

import pytest
import torch

from model.assembly import load
from model.engine.api import FinishReason, TokenRequest
from model.errors import ConstraintFailed
from model.runner.sampler import RowSampler
from model.sampling import SamplingParams
from tests.fakes.settings import worker_settings
from tests.fakes.tiny_model import make_tiny

VOCAB = 20
LOGITS = torch.linspace(-3, 3, VOCAB)


class Only:
    """Allows these ids, each time, and notes what the row gets."""

    def __init__(self, *ids: int, size: int = 3, fails_after: int = 99) -> None:
        self._bits = sum(1 << id_ for id_ in ids).to_bytes(size, "little")
        self._left = fails_after
        self.got: list[int] = []

    def allowed(self) -> bytes:
        self._left -= 1
        if self._left < 0:
            raise ConstraintFailed("no more")
        return self._bits

    def advance(self, token_id: int) -> None:
        self.got.append(token_id)


def params(**fields: Any) -> SamplingParams:
    return SamplingParams(**({"max_tokens": 8, "seed": 1, "constrained": True, **fields}))


WAYS = [
    {"temperature": 0},
    {"temperature": 1.5},
    {"temperature": 1, "top_p": 0.1},
    {"temperature": 1, "top_k": 5},
    {"temperature": 1, "min_p": 0.9},
    {"repetition_penalty": 1.9, "frequency_penalty": 2, "presence_penalty": -2},
    {"logit_bias": ((4, -100), (15, 100))},
]


@pytest.mark.parametrize("way", WAYS)
def test_only_what_is_allowed_is_chosen_and_noted(way):
    only = Only(2, 4, 9)
    sampler = RowSampler(params(**way), (19, 15), VOCAB, only)
    chosen = [sampler.sample(LOGITS) for _ in range(30)]
    assert set(chosen) <= {2, 4, 9}
    assert only.got == chosen


@pytest.mark.parametrize("size", [1, 2, 3, 9])
def test_a_mask_of_another_length_rules_out_the_rest(size):
    only = Only(1, 7, size=size)
    sampler = RowSampler(params(temperature=0), (), VOCAB, only)
    assert sampler.sample(LOGITS) == 7


def test_where_nothing_is_allowed_nothing_is_chosen():
    impossible = LOGITS.clone()
    impossible[3] = -math.inf
    for only, logits in ((Only(), LOGITS), (Only(3), impossible)):
        assert RowSampler(params(), (), VOCAB, only).sample(logits) is None
        assert only.got == []


def test_a_constraint_is_neither_forgotten_nor_smuggled_in():
    assert not params().is_plain
    assert params(constrained=False).is_plain
    assert "constrained" not in params().model_dump()
    for constrained, constraint in ((True, None), (False, Only(1))):
        with pytest.raises(ValueError, match="constrained row"):
            RowSampler(params(constrained=constrained), (), VOCAB, constraint)


def test_a_constraint_that_fails_ends_its_row_only(tmp_path):
    engine = load(
        worker_settings(base_model=str(make_tiny(tmp_path / "tiny")), kv_cache_mb=8),
        lambda *_: None,
    ).engine
    plain = params(constrained=False)

    def said(*failing: TokenRequest) -> tuple[list[int], dict[str, FinishReason]]:
        for request in (*failing, TokenRequest("beside", (5, 6, 7), "base", plain)):
            engine.add(request)
        tokens: list[int] = []
        ended: dict[str, FinishReason] = {}
        while engine.has_work():
            for output in engine.step():
                if output.id == "beside" and output.token_id is not None:
                    tokens.append(output.token_id)
                if output.finish_reason is not None:
                    ended[output.id] = output.finish_reason
        return tokens, ended

    alone, _ = said()
    rows = [
        TokenRequest("fails", (5, 6, 7), "base", params(), Only(9, size=40, fails_after=3)),
        TokenRequest("at once", (5, 6), "base", params(), Only(9, size=40, fails_after=0)),
        TokenRequest("goes on", (5,), "base", params(), Only(9, size=40)),
    ]
    beside, ended = said(*rows)
    assert beside == alone
    assert ended == {
        "fails": FinishReason.ERROR,
        "at once": FinishReason.ERROR,
        "goes on": FinishReason.LENGTH,
        "beside": ended["beside"],
    }
