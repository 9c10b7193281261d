"""Where an answer's messages go when a command or a button asked for it."""

import asyncio
from typing import Any

import discord

from bot.discord.answer.outlet import ChannelOutlet
from bot.discord.api.rate_limits import webhook_bucket
from bot.discord.api.refusals import Remedy, remedy

NOBODY = discord.AllowedMentions.none()
TOKEN_S = 14.5 * 60  # of the 15 minutes that Discord takes an interaction's token
_UNAUTHORISED = 401


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
    def mended(self) -> list[discord.HTTPException]:
        """What was refused of its ordinary messages."""
        return self._plain.mended

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
                return await self._plain.mending(
                    lambda view: self._send_by_token(content, view), view
                )
            except discord.HTTPException as refusal:
                self._raise_unless_over(refusal)
        return await self._plain.send(content, view, nonce)

    async def edit(self, message_id: int, content: str, view: discord.ui.View | None) -> None:
        """Replace the content and the buttons of a message, whichever way it was sent."""
        if self._may_use_token:
            try:
                await self._plain.mending(
                    lambda view: self._interaction.followup.edit_message(
                        message_id, content=content, view=view, allowed_mentions=NOBODY
                    ),
                    view,
                )
            except discord.HTTPException as refusal:
                self._raise_unless_over(refusal)
            else:
                return
        await self._plain.edit(message_id, content, view)

    async def delete(self, message_id: int) -> None:
        """Delete one of its messages."""
        await self._plain.delete(message_id)

    async def abandon(self) -> None:
        """Take back “is thinking…” where nothing came in its place."""
        if not self._is_begun and self._may_use_token:
            await self._interaction.delete_original_response()
            self._is_begun = True

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
        if refusal.status != _UNAUTHORISED and remedy(refusal) is not Remedy.AS_MESSAGE:
            raise refusal
        self._is_over = True
