"""Where an answer's messages go, and the ordinary way: into a channel."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Protocol, TypeVar

import discord

from bot.discord.api.endpoints import NOT_DONE
from bot.discord.api.rate_limits import channel_bucket
from bot.discord.api.refusals import Remedy, remedy

ONLY_THE_ANSWERED = discord.AllowedMentions(
    everyone=False, users=False, roles=False, replied_user=True
)
_MOST_MENDED = 3  # refusals of one call, each mended in another way
_Result = TypeVar("_Result")


class Outlet(Protocol):
    """Sends, edits and deletes messages by their ids. Raises what discord.py raises.

    What it can mend itself (a reply that is refused, an archived thread) it mends, and keeps the
    refusal in `mended` for the operator.
    """

    @property
    def channel_id(self) -> int:
        """Where its messages stand."""
        ...

    @property
    def mended(self) -> list[discord.HTTPException]:
        """What was refused and mended since somebody cleared the list."""
        ...

    @property
    def bucket(self) -> str:
        """The name under which Discord counts the rate limit of its edits."""
        ...

    async def send(self, content: str, view: discord.ui.View | None, nonce: str) -> int:
        """Send a further message and give its id; the same nonce never makes two messages."""
        ...

    async def edit(self, message_id: int, content: str, view: discord.ui.View | None) -> None:
        """Replace the content and the buttons of one of its messages."""
        ...

    async def delete(self, message_id: int) -> None:
        """Delete one of its messages."""
        ...

    async def abandon(self) -> None:
        """Take back the sign that an answer is coming, where nothing but that is shown."""
        ...

    def begin_typing(self) -> None:
        """Show that an answer is coming, if that is not shown already. Returns at once."""
        ...

    async def end_typing(self) -> None:
        """Stop showing that; also if it was never begun, or has been stopped before."""
        ...


class ChannelOutlet:
    """Ordinary messages; the first replies to the message that asked, and calls its author.

    Whoever calls `begin_typing` calls `end_typing`, or hands that on together with the outlet.
    """

    def __init__(self, client: discord.Client, channel_id: int, reply_to: int | None) -> None:
        self.channel_id = channel_id
        self._mended: list[discord.HTTPException] = []
        self._client = client
        self._channel = client.get_partial_messageable(channel_id)
        self._reply_to = reply_to
        self._typing: asyncio.Task[None] | None = None

    @property
    def mended(self) -> list[discord.HTTPException]:
        """What was refused and mended since somebody cleared the list."""
        return self._mended

    @property
    def replies(self) -> bool:
        """Whether its next message replies to the one that asked."""
        return self._reply_to is not None

    @property
    def bucket(self) -> str:
        """The channel's bucket."""
        return channel_bucket(self.channel_id)

    async def send(self, content: str, view: discord.ui.View | None, nonce: str) -> int:
        """Send a message; only the first is a reply."""

        async def send(view: discord.ui.View | None) -> discord.Message:
            options: dict[str, Any] = {} if view is None else {"view": view}
            if self._reply_to is not None:
                options["reference"] = discord.MessageReference(
                    message_id=self._reply_to, channel_id=self.channel_id, fail_if_not_exists=False
                )
            return await self._channel.send(
                content, nonce=nonce, allowed_mentions=ONLY_THE_ANSWERED, **options
            )

        message = await self.mending(send, view)
        self._reply_to = None
        if message.content != content.strip():  # an earlier process sent it, and noted it nowhere
            await self.edit(message.id, content, view)
        return message.id

    async def edit(self, message_id: int, content: str, view: discord.ui.View | None) -> None:
        """Replace the content and the buttons of one of its messages."""
        message = self._channel.get_partial_message(message_id)
        await self.mending(
            lambda view: message.edit(
                content=content, view=view, allowed_mentions=ONLY_THE_ANSWERED
            ),
            view,
        )

    async def mending(
        self,
        call: Callable[[discord.ui.View | None], Awaitable[_Result]],
        view: discord.ui.View | None,
    ) -> _Result:
        """What `call` returns, called again without what Discord refuses of it."""
        for _ in range(_MOST_MENDED):
            try:
                return await call(view)
            except discord.HTTPException as refusal:
                match remedy(refusal):
                    case Remedy.UNREFERENCED if self._reply_to is not None:
                        self._reply_to = None
                    case Remedy.WITHOUT_BUTTONS if view is not None:
                        view = None
                    case Remedy.UNARCHIVE:
                        await self._client.http.edit_channel(self.channel_id, archived=False)
                    case _:
                        raise
                self._mended.append(refusal)
        return await call(view)

    async def delete(self, message_id: int) -> None:
        """Delete one of its messages."""
        message = self._channel.get_partial_message(message_id)
        await self.mending(lambda _: message.delete(), None)

    async def abandon(self) -> None:
        """Do nothing: the typing sign ends by itself."""

    def begin_typing(self) -> None:
        """Show “is typing”; a second call changes nothing."""
        if self._typing is None:
            self._typing = asyncio.create_task(self._type(), name="typing")

    async def end_typing(self) -> None:
        """Stop showing “is typing”."""
        if self._typing is not None:
            self._typing.cancel()
            await asyncio.gather(self._typing, return_exceptions=True)

    async def _type(self) -> None:
        # Where Discord does not take the sign, the answer comes all the same.
        with suppress(*NOT_DONE):
            async with self._channel.typing():
                await asyncio.Event().wait()
