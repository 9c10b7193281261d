"""A row's logprobs are those of transformers' own logits, whatever shapes its sampling."""

import math
from typing import Any

import pytest
import torch

from model.engine.api import TokenOutput, TokenRequest
from model.loading.base import resolve_base
from model.runner.sampler import RowSampler
from model.sampling import SamplingParams
from tests.fakes.tiny_model import make_adapter, make_tiny
from tests.model.runner.parity import Pair, make_pair

PROMPT = tuple(5 + (7 * i) % 200 for i in range(20))
TOKENS = 12
SHAPED: dict[str, Any] = {
    "temperature": 0.3,
    "top_p": 0.5,
    "top_k": 3,
    "repetition_penalty": 1.8,
    "presence_penalty": 1.5,
    "logit_bias": ((9, 100.0),),
}


@pytest.fixture(scope="module")
def pair(tmp_path_factory) -> Pair:
    folder = tmp_path_factory.mktemp("tiny")
    base = make_tiny(folder / "base")
    adapter = make_adapter(base, folder / "tuned")
    resolved = resolve_base(str(base), folder, lambda *_: None)
    return make_pair(resolved, {"tuned": adapter}, prefill_chunk=8)


def outputs(pair: Pair, *requests: TokenRequest) -> dict[str, list[TokenOutput]]:
    """All outputs with a token, by row; the rows run in one batch."""
    made: dict[str, list[TokenOutput]] = {request.id: [] for request in requests}
    for request in requests:
        pair.engine.add(request)
    while pair.engine.has_work():
        for output in pair.engine.step():
            if output.token_id is not None:
                made[output.id].append(output)
    return made


def expected(pair: Pair, variant: str, said: list[TokenOutput]) -> torch.Tensor:
    """The logarithms of transformers' distributions before each token that was said."""
    model: Any = pair.reference
    ids = torch.tensor([[*PROMPT, *(output.token_id or 0 for output in said)]])
    with torch.inference_mode():
        if variant == "base":
            with model.disable_adapter():
                logits = model(ids).logits[0]
        else:
            logits = model(ids).logits[0]
    return logits[len(PROMPT) - 1 : -1].float().log_softmax(-1)


@pytest.mark.parametrize("variant", ["base", "tuned"])
@pytest.mark.parametrize("options", [{"temperature": 0}, {"seed": 3}, {**SHAPED, "seed": 3}])
@pytest.mark.parametrize("top", [0, 5, 20])
def test_they_are_transformers_own(pair, variant, options, top):
    params = SamplingParams(max_tokens=TOKENS, logprobs=top, **options)
    beside = SamplingParams(max_tokens=TOKENS, temperature=0)
    rows = TokenRequest("a", PROMPT, variant, params), TokenRequest("b", PROMPT, "base", beside)
    made = outputs(pair, *rows)
    assert len(made["a"]) > 1
    wanted = expected(pair, variant, made["a"])
    for output, row in zip(made["a"], wanted, strict=True):
        assert output.scores is not None
        assert output.scores.logprob == pytest.approx(float(row[output.token_id]), abs=2e-3)
        values, ids = row.topk(max(top, 1))
        assert [score for _, score in output.scores.top] == pytest.approx(
            values[:top].tolist(), abs=2e-3
        )
        assert len({id_ for id_, _ in output.scores.top}) == top
        if top and float(values[0] - row.topk(2)[0][1]) > 0.01:
            assert output.scores.top[0][0] == int(ids[0])
    assert [output.scores for output in made["b"]] == [None] * len(made["b"])


def test_asking_changes_no_token(pair):
    params = SamplingParams(max_tokens=TOKENS, seed=5, temperature=1.2, top_p=0.9)
    asking = params.model_copy(update={"logprobs": 4})
    quiet = outputs(pair, TokenRequest("a", PROMPT, "base", params))["a"]
    asked = outputs(pair, TokenRequest("a", PROMPT, "base", asking))["a"]
    assert [one.token_id for one in quiet] == [one.token_id for one in asked]


def test_a_token_that_cannot_be_has_a_number_that_json_knows():
    logits = torch.tensor([1.0, -math.inf, 2.0])
    params = SamplingParams(max_tokens=1, temperature=0, logprobs=20)
    chosen = RowSampler(params, (), 3).next(logits)
    assert chosen is not None
    assert not isinstance(chosen, int)
    assert [id_ for id_, _ in chosen.scores.top] == [2, 0, 1]
    assert chosen.scores.top[-1] == (1, -9999.0)


def test_rows_that_ask_are_no_rows_for_kernels_that_only_choose():
    assert SamplingParams(max_tokens=1).is_plain
    assert not SamplingParams(max_tokens=1, logprobs=0).is_plain
