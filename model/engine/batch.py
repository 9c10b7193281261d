"""What the engine hands to a runner, and what it gets back."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from model.engine.api import AdapterCard, TokenRequest, TokenScores


@dataclass(frozen=True, slots=True)
class ScoredToken:
    """The token of a row that asks for `logprobs`."""

    id: int
    scores: TokenScores


# None where none can be chosen (the logits are not finite).
NextToken = int | ScoredToken | None
# By row, the token that it got.
Tokens = Mapping[str, NextToken]


@dataclass(frozen=True, slots=True)
class BatchRow:
    """The part of one row that one step computes, with `adapter`, or with the base where None.

    `input_ids` are the tokens at `position`, `position + 1`, … of the row. The token at position
    p has the cache slot `cache_start + p`. With `samples`, the step gives the row its next token.
    There are no `input_ids` where an earlier step has computed them and owes the token still.
    """

    id: str
    adapter: AdapterCard | None
    input_ids: list[int]
    position: int
    cache_start: int
    samples: bool

    @property
    def end(self) -> int:
        """The position behind its last token."""
        return self.position + len(self.input_ids)


class Runner(Protocol):
    """Owns the tensors: weights, cache and each row's sampling state.

    No row changes what another gets, also where its numbers are not finite.
    """

    def begin(self, request: TokenRequest) -> None:
        """Prepare the sampling state of a new row."""
        ...

    def run(self, batch: list[BatchRow]) -> Tokens:
        """Run one forward pass; return the next token of every row with `samples`, by id.

        A row that cannot be sampled (its logits are not finite) has None there, and ends. A row
        may be left out: then a later run brings its token, and gets it without `input_ids`. Where
        `run` raises, no row's sampling state has changed, so that the same rows can be run again in
        smaller batches.
        """
        ...

    def end(self, request_id: str) -> None:
        """Forget a row; an unknown id is ignored."""
        ...

    def copy(self, source: int, to: int, count: int) -> None:
        """Copy the keys and values of `count` cache slots from `source` on to those from `to` on.

        The two may overlap: the result is as if all were read before any is written. What earlier
        steps write is there by then, and later steps find the copy.
        """
        ...

    def remove_adapter(self, card: AdapterCard) -> None:
        """Free an adapter's weights; no later batch will name it."""
        ...
