"""A bounded memory of messages, for reply chains: each is fetched once, whoever asks for it."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

REMEMBERED = 2000


@dataclass(frozen=True, slots=True)
class Said:
    """A message as part of a conversation: `speaker` None is the bot, `parent` what it answers.

    An answer's `asked` is the prompt and its author where that was no message, but a command.
    """

    message_id: int
    speaker: str | None
    text: str
    parent: int | None = None
    asked: tuple[str, str] | None = None
    answer_id: int | None = None


@dataclass
class _Node:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    said: Said | None = None


class MessageCache:
    """The messages read lately. What was edited or deleted has to be forgotten."""

    def __init__(self, limit: int = REMEMBERED) -> None:
        self._limit = limit
        self._nodes: OrderedDict[int, _Node] = OrderedDict()

    def __len__(self) -> int:
        return len(self._nodes)

    async def get(
        self, message_id: int, fetch: Callable[[], Awaitable[Said | None]]
    ) -> Said | None:
        """The message, or None if there is none (any more).

        Whoever comes first fetches, others wait for that; if the first is cancelled or fails,
        the next one fetches.
        """
        node = self._node(message_id)
        async with node.lock:
            if node.said is None:
                node.said = await fetch()
        return node.said

    def forget(self, message_id: int) -> None:
        """It changed or is gone: fetch it anew next time."""
        self._nodes.pop(message_id, None)

    def clear(self) -> None:
        """Forget everything, as when a person asks to be forgotten."""
        self._nodes.clear()

    def _node(self, message_id: int) -> _Node:
        node = self._nodes.setdefault(message_id, _Node())
        self._nodes.move_to_end(message_id)
        while len(self._nodes) > self._limit:
            self._nodes.popitem(last=False)
        return node
