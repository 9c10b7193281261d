"""Lets a row begin with keys and values that were computed for another row."""

from collections.abc import Iterable
from dataclasses import dataclass

from model.engine.api import AdapterCard
from model.engine.cache import BlockPool, BlockRange
from model.engine.kept import BlockCopy, KeptPrefix, KeptPrefixes
from model.engine.prefix import block_hashes
from model.engine.sequence import Sequence


@dataclass(frozen=True, slots=True)
class SharedPrefix:
    """The first `tokens` tokens of a row, which lie from block `start` on.

    `kept` is what they are a part of where the row that computed them has ended.
    """

    tokens: int
    start: int
    kept: KeptPrefix | None = None


class PrefixReuse:
    """Finds what rows share, and says what is to be copied so that it is computed once.

    Rows share whole blocks with rows that have ended well, and with running ones: what these share
    themselves, and their own prompt once their first token was sampled, as only then is it known
    that the numbers can be used. At least the last token of a prompt is computed, as its logits are
    needed. When not `enabled`, no row shares anything.
    """

    def __init__(self, pool: BlockPool, *, enabled: bool = True) -> None:
        self._pool = pool
        self._enabled = enabled
        self._kept = KeptPrefixes(pool)
        self._copies: list[BlockCopy] = []

    @property
    def kept(self) -> tuple[KeptPrefix, ...]:
        """What ended rows have left, the least recently used first."""
        return self._kept.kept

    def describe(self, row: Sequence) -> None:
        """Compute the hashes of a row's prompt, by which its like are found."""
        if self._enabled:
            ids = row.request.input_ids
            row.hashes = block_hashes(row.adapter, ids, self._pool.block_size)

    def find(self, row: Sequence, running: Iterable[Sequence]) -> SharedPrefix | None:
        """The longest beginning of a row's prompt that there is; None when there is none."""
        if not self._enabled:
            return None
        most = len(row.request.input_ids) - 1
        found: list[SharedPrefix] = []
        for other in running:
            if other.blocks is not None and other is not row:
                tokens = other.shared_tokens(row, self._pool.block_size)
                usable = tokens if other.is_decoding else min(tokens, other.reused)
                found.append(SharedPrefix(min(usable, most), other.blocks.start))
        if longest := self._kept.longest(row.hashes):
            prefix, count = longest
            tokens = min(count * self._pool.block_size, most)
            found.append(SharedPrefix(tokens, prefix.start, prefix))
        best = max(found, key=lambda one: one.tokens, default=None)
        return best if best is not None and best.tokens > row.reused else None

    def begin(self, row: Sequence, blocks: BlockRange, shared: SharedPrefix | None) -> None:
        """Let a row run in the range that the pool has just given it, behind what it shares."""
        row.start(blocks)
        if shared is None or shared.kept is None:
            self._copies += self._kept.make_room(blocks)
            if shared is not None:
                self.take(row, shared)
        else:
            self._kept.use(shared.kept)
            count = self._blocks(shared.tokens)
            self._copies += self._kept.make_room(blocks, shared.kept, count)
            row.reuse(shared.tokens)

    def take(self, row: Sequence, shared: SharedPrefix) -> None:
        """Let a row that no step has computed yet begin behind this."""
        if row.blocks is None:
            raise RuntimeError(f"row {row.request.id!r} has no cache to copy to")
        if shared.kept is not None:
            self._kept.use(shared.kept)
        count = self._blocks(shared.tokens)
        self._copies.append(BlockCopy(shared.start, row.blocks.start, count))
        row.reuse(shared.tokens)

    def should_wait(
        self, row: Sequence, shared: SharedPrefix | None, reading: Iterable[Sequence]
    ) -> bool:
        """Whether a row that is `reading` its prompt will have more to share than there is now."""
        if not self._enabled or not row.is_untouched:
            return False
        now = row.reused if shared is None else shared.tokens
        most, size = len(row.request.input_ids) - 1, self._pool.block_size
        return any(min(one.shared_tokens(row, size), most) > now for one in reading)

    def keep(self, row: Sequence, blocks: BlockRange) -> None:
        """Keep what a row has computed that has ended well; `blocks` were its, and are free now."""
        if not self._enabled:
            return
        ids = [*row.request.input_ids, *row.generated][: row.computed]
        size = self._pool.block_size
        hashes = block_hashes(row.adapter, ids, size, row.hashes[: row.computed // size])
        if hashes:
            self._kept.add(KeptPrefix(row.adapter, hashes, blocks.start))

    def forget(self, card: AdapterCard) -> None:
        """Give up what ended rows of this adapter have left."""
        self._kept.forget(card)

    def clear(self) -> None:
        """Give up what ended rows have left."""
        self._kept.clear()

    def take_copies(self) -> list[BlockCopy]:
        """What is to be copied, in this order, before the next step; it is handed out once."""
        copies, self._copies = self._copies, []
        return copies

    def _blocks(self, tokens: int) -> int:
        return -(-tokens // self._pool.block_size)
