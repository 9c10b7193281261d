"""One row of the batch, from its arrival to its end."""

from dataclasses import dataclass, field
from enum import StrEnum

from model.engine.api import AdapterCard, TokenRequest
from model.engine.cache import Extent


class SequenceState(StrEnum):
    """Where a row is: it waits, holds cache and computes, or has ended."""

    WAITING = "waiting"
    RUNNING = "running"
    FINISHED = "finished"


@dataclass(slots=True)
class Sequence:
    """A request, the adapter that answers it (None: the base), and what has become of it.

    `computed` counts the tokens whose keys and values are in the cache. What lies behind it is
    pending: the rest of the prompt while prefilling, the last sampled token while decoding.
    """

    request: TokenRequest
    adapter: AdapterCard | None = None
    state: SequenceState = SequenceState.WAITING
    generated: list[int] = field(default_factory=list)
    computed: int = 0
    extent: Extent | None = None

    @property
    def most_tokens(self) -> int:
        """Tokens it may ever hold."""
        return len(self.request.input_ids) + self.request.params.max_tokens

    @property
    def pending(self) -> int:
        """Tokens it has that no step has computed yet."""
        return len(self.request.input_ids) + len(self.generated) - self.computed

    @property
    def is_decoding(self) -> bool:
        """Whether its prompt is done, so that each step gives a token."""
        return bool(self.generated)

    @property
    def is_full(self) -> bool:
        """Whether it has all the tokens it asked for."""
        return len(self.generated) >= self.request.params.max_tokens

    def start(self, extent: Extent) -> None:
        """Take cache blocks and run."""
        self.extent = extent
        self.state = SequenceState.RUNNING

    def next_ids(self, count: int) -> list[int]:
        """The next `count` pending ids."""
        prompt = self.request.input_ids
        if self.computed < len(prompt):
            return list(prompt[self.computed : self.computed + count])
        begin = self.computed - len(prompt)
        return self.generated[begin : begin + count]
