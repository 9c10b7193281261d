"""A bounded memory of messages, for reply chains: each is fetched once, whoever asks for it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from bot.chat.conversation import Utterance
from bot.chat.people import Person
from bot.discord.content.contents import Contents
from bot.discord.incoming.names import NameBook
from bot.discord.incoming.text_files import TextFiles
from bot.discord.newest import Newest

REMEMBERED = 2000


@dataclass(frozen=True, slots=True)
class CachedMessage:
    """What a message says as part of a conversation.

    `speaker` is the author, None for the bot; `is_bot` says that it is another bot. `parent` is the
    id of the message that it replies to. For the bot's answer, `answer_id` is the stored answer's
    id, `asker` the id of the person who asked, and `asked` the question where a command asked it
    instead of a message. One that `goes_on` continues the answer that is its parent, in the middle
    of a sentence. `asked_at` is the id of the moment at which an answer was asked for.
    """

    message_id: int
    speaker: Person | None
    contents: Contents
    parent: int | None = None
    asked: Utterance | None = None
    asker: str | None = None
    answer_id: int | None = None
    goes_on: bool = False
    is_bot: bool = False
    asked_at: int | None = None


@dataclass
class _Node:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    message: CachedMessage | None = None


class MessageCache:
    """The last `limit` messages that were read. Call `forget` for those edited or deleted.

    `files` and `names` are what was read with them.
    """

    def __init__(self, limit: int = REMEMBERED) -> None:
        self._nodes: Newest[int, _Node] = Newest(limit)
        self.files = TextFiles()
        self.names = NameBook()

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
        self._nodes.forget(message_id)

    def clear(self) -> None:
        """Fetch every message and file anew next time, and know nobody's name."""
        self._nodes.clear()
        self.files.clear()
        self.names.clear()

    def _node(self, message_id: int) -> _Node:
        node = self._nodes.get(message_id)
        if node is None:
            node = _Node()
            self._nodes.put(message_id, node)
        return node
