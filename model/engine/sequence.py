"""One row of the batch, from its arrival to its end."""

from dataclasses import dataclass, field
from enum import StrEnum

from model.engine.api import AdapterCard, TokenRequest
from model.engine.cache import BlockRange
from model.engine.prefix import Hashes, shared_blocks


class SequenceState(StrEnum):
    """Whether a row waits, runs (and so holds cache blocks), or has ended."""

    WAITING = "waiting"
    RUNNING = "running"
    FINISHED = "finished"


@dataclass(slots=True)
class Sequence:
    """A request, the adapter that answers it (None: the base), and its progress.

    `computed` counts the tokens whose keys and values are in the cache. The tokens after those
    are pending: the rest of the prompt during prefill, the last sampled token during decode. The
    first `reused` of them were computed for another row. `hashes` tell the prompt's whole blocks.
    """

    request: TokenRequest
    adapter: AdapterCard | None = None
    state: SequenceState = SequenceState.WAITING
    generated: list[int] = field(default_factory=list)
    computed: int = 0
    reused: int = 0
    hashes: Hashes = ()
    blocks: BlockRange | None = None

    @property
    def most_tokens(self) -> int:
        """The most tokens that it can come to hold: prompt and `max_tokens`."""
        return len(self.request.input_ids) + self.request.params.max_tokens

    @property
    def pending(self) -> int:
        """How many of its tokens no step has computed yet."""
        return len(self.request.input_ids) + len(self.generated) - self.computed

    @property
    def is_decoding(self) -> bool:
        """Whether its prompt is computed, so that each step gives it a token."""
        return self.computed >= len(self.request.input_ids)

    @property
    def is_untouched(self) -> bool:
        """Whether no step has computed any of it, so that it can still begin elsewhere."""
        return self.computed == self.reused

    @property
    def is_full(self) -> bool:
        """Whether it has generated all `max_tokens` tokens."""
        return len(self.generated) >= self.request.params.max_tokens

    def start(self, blocks: BlockRange) -> None:
        """Run from now on, with these cache blocks."""
        self.blocks = blocks
        self.state = SequenceState.RUNNING

    def reuse(self, tokens: int) -> None:
        """Begin behind its first `tokens` tokens: another row's keys and values serve for them."""
        self.computed = self.reused = tokens

    def shared_tokens(self, other: "Sequence", block_size: int) -> int:
        """How many first tokens of `other`'s prompt are this one's too, with the same adapter.

        Whole blocks are compared, and prompts that are the same as a whole.
        """
        same = self.request.input_ids == other.request.input_ids
        if same and self.adapter == other.adapter:
            return len(self.request.input_ids)
        return shared_blocks(self.hashes, other.hashes) * block_size

    def next_ids(self, count: int) -> list[int]:
        """The ids of the next `count` pending tokens."""
        prompt = self.request.input_ids
        if self.computed < len(prompt):
            return list(prompt[self.computed : self.computed + count])
        begin = self.computed - len(prompt)
        return self.generated[begin : begin + count]
