"""Going on with what an earlier run of the bot left: unfinished, or finished but never shown."""

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from functools import partial

import discord

from bot.chat.events import Ended, Finished
from bot.chat.ticket import Ticket
from bot.discord.answer.outlet import ChannelOutlet
from bot.discord.answer.thread_outlet import ThreadOutlet, title_of
from bot.discord.api.endpoints import UNREACHABLE
from bot.discord.asking.composing import Composer
from bot.discord.asking.desk import Desk
from bot.discord.asking.edits import Edits
from bot.discord.asking.missed import LOOK_UP_S, Fate, look_up
from bot.discord.asking.recovery import Recovery
from bot.discord.following.open_questions import OpenQuestion
from bot.discord.identity import (
    FRONT_END,
    asking_channel,
    asking_message,
    channel_of,
    opening_response,
)
from bot.errors import UserError
from data.records import Request

_log = logging.getLogger(__name__)

_ASKED_BY = "{} asked this before I was restarted."  # where no reply says so
_UNKNOWN = "Something went wrong while I was away. Please ask me again."


async def show_leftovers(client: discord.Client, desk: Desk) -> int:
    """Show each of them in the messages that it has already, or in new ones; gives their number.

    What these messages show already is believed; see Recovery. What an earlier connection of this
    run left is shown too. Raises StoreError.
    """
    services = desk.services
    tickets = {
        ticket.request.id: ticket
        for ticket in (*services.leftovers, *services.chat.open_tickets.of_front_end(FRONT_END))
        if ticket.request.front_end == FRONT_END
    }
    since = datetime.now(UTC) - timedelta(seconds=services.settings.request_ttl_s)
    for request in await services.store.undelivered(FRONT_END, since):
        if request.id not in tickets:
            tickets[request.id] = await _ended(desk, request)
    recovery = Recovery(client, services.store, services.chat.resumption)
    await asyncio.gather(*(_catch_up(client, desk, one) for one in tickets.values()))
    shown = 0
    for ticket in tickets.values():
        outlet = outlet_of(client, ticket.request)
        if outlet is not None:
            desk.show(
                ticket,
                outlet,
                notices=() if outlet.replies else (_ASKED_BY.format(ticket.request.user_name),),
                look=partial(recovery.settle, ticket, outlet.channel_id),
            )
            shown += 1
        else:
            await services.chat.resumption.go_on(ticket)
    return shown


async def _catch_up(client: discord.Client, desk: Desk, ticket: Ticket) -> None:
    """Withdraw what was deleted meanwhile, and ask what was edited as it reads now.

    Where Discord does not say in time, it is shown as it was asked.
    """
    found = await look_up(client, ticket.request)
    if found is Fate.DELETED:
        ticket.withdraw()
        return
    composer = Composer(client, desk)
    edits = Edits(client, desk.services.store, composer)
    if isinstance(found, discord.Message) and edits.differs(found, ticket.request):
        try:
            async with asyncio.timeout(LOOK_UP_S):
                await _place(client, found)
                await desk.reword(ticket, lambda: composer.compose(OpenQuestion(found)))
        except (discord.DiscordException, TimeoutError, UserError, *UNREACHABLE) as failure:
            _log.info("a changed question stays as it was: %s", type(failure).__name__)


async def _place(client: discord.Client, message: discord.Message) -> None:
    """Give a message the channel it stands in: before the bot is connected, only Discord knows."""
    found = await client.fetch_channel(message.channel.id)
    if isinstance(found, discord.Thread | discord.TextChannel | discord.DMChannel):
        message.channel = found


def outlet_of(client: discord.Client, request: Request) -> ChannelOutlet | ThreadOutlet | None:
    """Where a request is answered; None where its stored data names no channel.

    A conversation that has the id of the question, or of a command's response, is in the thread
    that hangs on it.
    """
    channel_id, asked = channel_of(request.conversation), asking_message(request.source_key)
    if channel_id is None:
        return None
    parent = asking_channel(request.source_key) or channel_id
    if (response := opening_response(request.source_key)) is not None:
        parent, asked = response
    if asked is None or asked != channel_id:
        return ChannelOutlet(client, channel_id, asked)
    in_place = ChannelOutlet(client, parent, asked)
    asker = int(request.user_id) if request.user_id.isdigit() else 0
    return ThreadOutlet(client, in_place, asked, title_of(request.prompt), asker)


async def _ended(desk: Desk, request: Request) -> Ticket:
    """A ticket for a request that had ended before anybody was told."""
    ticket = Ticket(request)
    answer = await desk.services.store.answer_for(request.id)
    if answer is None:
        ticket.publish(Ended(request.state, request.error or _UNKNOWN))
    else:
        ticket.publish(Finished(answer, request))
    return ticket
