"""A bounded memory of messages, for reply chains: each is fetched once, whoever asks for it."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

REMEMBERED = 2000


@dataclass(frozen=True, slots=True)
class CachedMessage:
    """What a message says as part of a conversation.

    `speaker` is the author's name, None for the bot. `parent` is the id of the message that it
    replies to. For the bot's answer, `answer_id` is the stored answer's id, and `asked` the
    author's name and the prompt where a command asked for it instead of a message. One that
    `goes_on` continues the answer that is its parent, in the middle of a sentence.
    """

    message_id: int
    speaker: str | None
    text: str
    parent: int | None = None
    asked: tuple[str, str] | None = None
    answer_id: int | None = None
    goes_on: bool = False


@dataclass
class _Node:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    message: CachedMessage | None = None


class MessageCache:
    """The last `limit` messages that were read. Call `forget` for those edited or deleted."""

    def __init__(self, limit: int = REMEMBERED) -> None:
        self._limit = limit
        self._nodes: OrderedDict[int, _Node] = OrderedDict()

    def __len__(self) -> int:
        return len(self._nodes)

    async def get(
        self, message_id: int, fetch: Callable[[], Awaitable[CachedMessage | None]]
    ) -> CachedMessage | None:
        """The message, as `fetch` gives it if it is not known yet; None is not remembered.

        Of several callers at once the first fetches and the others wait for its result; if the
        first is cancelled or fails, the next one fetches. Raises what `fetch` raises.
        """
        node = self._node(message_id)
        async with node.lock:
            if node.message is None:
                node.message = await fetch()
        return node.message

    def forget(self, message_id: int) -> None:
        """Fetch this message anew next time, because it was edited or deleted."""
        self._nodes.pop(message_id, None)

    def clear(self) -> None:
        """Fetch every message anew next time."""
        self._nodes.clear()

    def _node(self, message_id: int) -> _Node:
        node = self._nodes.setdefault(message_id, _Node())
        self._nodes.move_to_end(message_id)
        while len(self._nodes) > self._limit:
            self._nodes.popitem(last=False)
        return node
