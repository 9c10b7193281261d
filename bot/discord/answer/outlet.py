"""Where an answer's messages go: into a channel, or through an interaction."""

import asyncio
from contextlib import suppress
from typing import Any, Protocol

import discord

from bot.discord.api.endpoints import UNREACHABLE
from bot.discord.api.rate_limits import channel_bucket, webhook_bucket

NOBODY = discord.AllowedMentions.none()
ONLY_THE_ANSWERED = discord.AllowedMentions(
    everyone=False, users=False, roles=False, replied_user=True
)
TOKEN_S = 14.5 * 60  # of the 15 minutes that Discord takes an interaction's token
_TOKEN_GONE = {10015, 50027}  # unknown webhook, invalid webhook token


class Outlet(Protocol):
    """Sends, edits and deletes messages by their ids. Raises what discord.py raises."""

    channel_id: int

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
        self._channel = client.get_partial_messageable(channel_id)
        self._reply_to = reply_to
        self._typing: asyncio.Task[None] | None = None

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
        options: dict[str, Any] = {} if view is None else {"view": view}
        if self._reply_to is not None:
            options["reference"] = discord.MessageReference(
                message_id=self._reply_to, channel_id=self.channel_id, fail_if_not_exists=False
            )
        message = await self._channel.send(
            content, nonce=nonce, allowed_mentions=ONLY_THE_ANSWERED, **options
        )
        self._reply_to = None
        if message.content != content.strip():  # an earlier process sent it, and noted it nowhere
            await self.edit(message.id, content, view)
        return message.id

    async def edit(self, message_id: int, content: str, view: discord.ui.View | None) -> None:
        """Replace the content and the buttons of one of its messages."""
        message = self._channel.get_partial_message(message_id)
        await message.edit(content=content, view=view, allowed_mentions=ONLY_THE_ANSWERED)

    async def delete(self, message_id: int) -> None:
        """Delete one of its messages."""
        await self._channel.get_partial_message(message_id).delete()

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
        with suppress(discord.HTTPException, discord.RateLimited, TimeoutError, *UNREACHABLE):
            async with self._channel.typing():
                await asyncio.Event().wait()


class InteractionOutlet:
    """Answers a deferred interaction; when its token has ended, goes on as ordinary messages."""

    def __init__(self, interaction: discord.Interaction) -> None:
        self.channel_id = interaction.channel_id or 0
        self._interaction = interaction
        self._plain = ChannelOutlet(interaction.client, self.channel_id, None)
        self._is_begun = False
        self._is_over = False
        # By our own count: the age by its id would go wrong with this machine's clock.
        self._over_at = asyncio.get_running_loop().time() + TOKEN_S

    @property
    def bucket(self) -> str:
        """The bucket of the interaction's token while that is valid, then the channel's."""
        if self._may_use_token:
            return webhook_bucket(self._interaction.application_id, self._interaction.token)
        return self._plain.bucket

    async def send(self, content: str, view: discord.ui.View | None, nonce: str) -> int:
        """Fill in the deferred response first, then send follow-ups."""
        if self._may_use_token:
            try:
                return await self._send_by_token(content, view)
            except discord.HTTPException as refusal:
                self._raise_unless_over(refusal)
        return await self._plain.send(content, view, nonce)

    async def edit(self, message_id: int, content: str, view: discord.ui.View | None) -> None:
        """Replace the content and the buttons of a message, whichever way it was sent."""
        if self._may_use_token:
            try:
                await self._interaction.followup.edit_message(
                    message_id, content=content, view=view, allowed_mentions=NOBODY
                )
            except discord.HTTPException as refusal:
                self._raise_unless_over(refusal)
            else:
                return
        await self._plain.edit(message_id, content, view)

    async def delete(self, message_id: int) -> None:
        """Delete one of its messages."""
        await self._plain.delete(message_id)

    def begin_typing(self) -> None:
        """Do nothing: a deferred response shows already that an answer is coming."""

    async def end_typing(self) -> None:
        """Do nothing: the first message takes the deferred response's place."""

    async def _send_by_token(self, content: str, view: discord.ui.View | None) -> int:
        if not self._is_begun:
            response = await self._interaction.edit_original_response(
                content=content, view=view, allowed_mentions=NOBODY
            )
            self._is_begun = True
            return response.id
        options: dict[str, Any] = {} if view is None else {"view": view}
        message = await self._interaction.followup.send(
            content, wait=True, allowed_mentions=NOBODY, **options
        )
        return message.id

    @property
    def _may_use_token(self) -> bool:
        return not self._is_over and asyncio.get_running_loop().time() < self._over_at

    def _raise_unless_over(self, refusal: discord.HTTPException) -> None:
        """Note that the token has ended if the refusal says so; raise every other refusal."""
        if refusal.status != 401 and refusal.code not in _TOKEN_GONE:
            raise refusal
        self._is_over = True
