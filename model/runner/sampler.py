"""Chooses the next token of a row, with the row's own parameters and random generator."""

import logging
import math

import numpy as np
import torch
from torch import Tensor

from model.engine.api import TokenConstraint, TokenScores
from model.engine.batch import NextToken, ScoredToken
from model.sampling import SamplingParams

log = logging.getLogger(__name__)

_GREEDY_BELOW = 1e-5  # a temperature that float32 logits cannot be divided by
_NEVER = -9999.0  # stands for the logarithm of 0, which JSON cannot hold; OpenAI's number for it
_FIRST_LOOK = 256  # candidates: nearly always enough for top_p, and much cheaper than a full sort


class RowSampler:
    """The sampling state of one row: its random generator and the tokens it has seen.

    Penalties are those of transformers and of OpenAI's API: `repetition_penalty`
    (arXiv:1909.05858) looks at prompt and answer, `frequency_penalty` and `presence_penalty` at
    the answer only. Filters come in transformers' order: temperature, top_k, top_p
    (arXiv:1904.09751), min_p (arXiv:2407.01082). The same seed and logits give the same tokens,
    whatever other rows are in the batch. A `constraint` rules tokens out after the penalties; what
    it raises is passed on. Raises ValueError where params and constraint disagree on whether there
    is one.
    """

    def __init__(
        self,
        params: SamplingParams,
        prompt: tuple[int, ...],
        vocab_size: int,
        constraint: TokenConstraint | None = None,
    ) -> None:
        if params.constrained != (constraint is not None):
            raise ValueError("a constrained row needs its constraint, and no other has one")
        self._params = params
        self._constraint = constraint
        self._generator = torch.Generator().manual_seed(params.seed or 0)
        self._seen = torch.zeros(vocab_size, dtype=torch.bool)
        if params.repetition_penalty != 1.0:
            self._seen[list(prompt)] = True
        self._counts = torch.zeros(vocab_size)
        self._penalises = bool(params.frequency_penalty or params.presence_penalty)
        self._bias = torch.zeros(vocab_size if params.logit_bias else 0)
        for id_, bias in params.logit_bias:
            if id_ < vocab_size:
                self._bias[id_] = bias

    def next(self, logits: Tensor) -> NextToken:
        """What `sample` gives, with the token's scores where the row asks for logprobs."""
        token = self.sample(logits)
        if token is None or self._params.logprobs is None:
            return token
        return ScoredToken(token, _scores(logits, token, self._params.logprobs))

    def sample(self, logits: Tensor) -> int | None:
        """Choose the next token from float32 `logits` of shape (vocab,) on the CPU, and note it.

        None, and nothing changes, where they choose none: a NaN, an infinity, or all tokens ruled
        out with minus infinity.
        """
        if not math.isfinite(float(logits.max())):
            return None
        scores = self.penalised(logits)
        if self._constraint is not None:
            scores = _masked(scores, self._constraint.allowed())
            if not math.isfinite(float(scores.max())):
                return None
        token = self.choose(scores)
        if self._constraint is not None:
            self._constraint.advance(token)
        if self._params.repetition_penalty != 1.0:
            self._seen[token] = True
        if self._penalises:
            self._counts[token] += 1
        return token

    def penalised(self, logits: Tensor) -> Tensor:
        """The logits after bias and all penalties, same shape."""
        if self._params.logit_bias:
            logits = logits + self._bias
        penalty = self._params.repetition_penalty
        if penalty != 1.0:
            scaled = torch.where(logits > 0, logits / penalty, logits * penalty)
            # A tiny penalty gives infinities, and the softmax of two infinities is NaN.
            scaled = scaled.clamp(max=torch.finfo(logits.dtype).max)
            logits = torch.where(self._seen, scaled, logits)
        if self._penalises:
            logits = logits - self._params.frequency_penalty * self._counts
            logits = logits - self._params.presence_penalty * (self._counts > 0)
        return logits

    def choose(self, logits: Tensor) -> int:
        """Draw a token from penalised logits by temperature and filters."""
        if self._params.temperature < _GREEDY_BELOW:
            return int(logits.argmax())
        scaled = (logits - logits.max()) / self._params.temperature
        top, ids = self._candidates(scaled)
        probabilities = self._min_p(top.softmax(-1))
        chosen = torch.multinomial(probabilities, 1, generator=self._generator)
        return int(ids[chosen])

    def _candidates(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """The logits that top_k and top_p keep, and their ids; sorted where anything is cut."""
        vocab, top_p = len(logits), self._params.top_p
        limit = min(self._params.top_k or vocab, vocab)
        if top_p >= 1.0:
            return logits.topk(limit) if limit < vocab else (logits, torch.arange(vocab))
        top, ids = logits.topk(limit if limit < vocab else min(_FIRST_LOOK, vocab))
        total = (top if limit < vocab else logits).logsumexp(-1)
        mass = (top - total).exp().cumsum(-1)
        if limit == vocab and float(mass[-1]) < top_p:
            top, ids = logits.topk(vocab)
            mass = (top - total).exp().cumsum(-1)
        keep = int((mass < top_p).sum()) + 1  # the token that reaches top_p stays
        return top[:keep], ids[:keep]

    def _min_p(self, probabilities: Tensor) -> Tensor:
        if self._params.min_p == 0:
            return probabilities
        return probabilities * (probabilities >= self._params.min_p * probabilities.max())


def next_or_none(sampler: RowSampler, request_id: str, logits: Tensor) -> NextToken:
    """What `RowSampler.next` gives; None, with the reason in the log, where that raises."""
    try:
        return sampler.next(logits)
    except Exception:  # one row's border: the engine ends it, and the others go on
        log.exception("row %s cannot be sampled", request_id)
        return None


def _scores(logits: Tensor, token: int, most: int) -> TokenScores:
    """The scores of `token` and of the `most` likeliest ones; `logits` as `sample` takes them."""
    logprobs = logits.log_softmax(-1).clamp(min=_NEVER)
    top, ids = logprobs.topk(min(most, len(logprobs)))
    pairs = zip(ids.tolist(), top.tolist(), strict=True)
    return TokenScores(float(logprobs[token]), tuple(pairs))


def _masked(logits: Tensor, allowed: bytes) -> Tensor:
    """The logits with minus infinity where `allowed`, one bit for each id, has none."""
    bits = np.unpackbits(np.frombuffer(allowed, np.uint8), count=len(logits), bitorder="little")
    return logits.masked_fill(torch.from_numpy(bits) == 0, -math.inf)
