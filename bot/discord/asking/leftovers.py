"""Going on with what an earlier run of the bot left: unfinished, or finished but never shown."""

import asyncio
import logging
from datetime import UTC, datetime, timedelta

import discord

from bot.chat.events import Ended, Finished
from bot.chat.ticket import Ticket
from bot.discord.answer.outlet import ChannelOutlet
from bot.discord.api.endpoints import UNREACHABLE
from bot.discord.asking.composing import Composer
from bot.discord.asking.desk import Desk
from bot.discord.asking.edits import Edits
from bot.discord.asking.missed import LOOK_UP_S, Fate, look_up
from bot.discord.asking.open_questions import OpenQuestion
from bot.discord.identity import FRONT_END, asking_message, channel_of
from bot.errors import UserError
from data.records import Request

_log = logging.getLogger(__name__)

_ASKED_BY = "{} asked this before I was restarted."  # where no reply says so
_UNKNOWN = "Something went wrong while I was away. Please ask me again."


async def show_leftovers(client: discord.Client, desk: Desk) -> int:
    """Show each of them in the messages that it has already, or in new ones; gives their number.

    Raises StoreError.
    """
    services = desk.services
    tickets = {
        ticket.request.id: ticket
        for ticket in services.leftovers
        if ticket.request.front_end == FRONT_END
    }
    since = datetime.now(UTC) - timedelta(seconds=services.settings.request_ttl_s)
    for request in await services.store.undelivered(FRONT_END, since):
        if request.id not in tickets:
            tickets[request.id] = await _ended(desk, request)
    asked = await asyncio.gather(*(_still_asked(client, desk, one) for one in tickets.values()))
    shown = 0
    for ticket in (one for one, still in zip(tickets.values(), asked, strict=True) if still):
        outlet = outlet_of(client, ticket.request)
        if outlet is not None:
            known = await services.store.request_messages(ticket.request.id)
            desk.show(
                ticket,
                outlet,
                notices=() if outlet.replies else (_ASKED_BY.format(ticket.request.user_name),),
                known=[int(message.message_id) for message in known],
            )
            shown += 1
    return shown


async def _still_asked(client: discord.Client, desk: Desk, ticket: Ticket) -> bool:
    """Whether this is to be shown; what was edited meanwhile is asked as it reads now.

    Where Discord does not say in time, it is shown as it was asked.
    """
    found = await look_up(client, ticket.request)
    if found is Fate.DELETED:
        ticket.withdraw()
        await ticket.result()
        await desk.taking_back.take_back(ticket.request.id)
        return False
    composer = Composer(client, desk.services, desk.history)
    edits = Edits(client, desk.services.store, composer)
    if isinstance(found, discord.Message) and edits.differs(found, ticket.request):
        try:
            async with asyncio.timeout(LOOK_UP_S):
                await _place(client, found)
                await desk.reword(ticket, lambda: composer.compose(OpenQuestion(found)))
        except (discord.DiscordException, TimeoutError, UserError, *UNREACHABLE) as failure:
            _log.info("a changed question stays as it was: %s", type(failure).__name__)
    return True


async def _place(client: discord.Client, message: discord.Message) -> None:
    """Give a message the channel it stands in: before the bot is connected, only Discord knows."""
    found = await client.fetch_channel(message.channel.id)
    if isinstance(found, discord.Thread | discord.TextChannel | discord.DMChannel):
        message.channel = found


def outlet_of(client: discord.Client, request: Request) -> ChannelOutlet | None:
    """The channel that a request was asked in; None where its stored data does not name one."""
    channel_id = channel_of(request.conversation)
    if channel_id is None:
        return None
    return ChannelOutlet(client, channel_id, asking_message(request.source_key))


async def _ended(desk: Desk, request: Request) -> Ticket:
    """A ticket for a request that had ended before anybody was told."""
    ticket = Ticket(request)
    answer = await desk.services.store.answer_for(request.id)
    if answer is None:
        ticket.publish(Ended(request.state, request.error or _UNKNOWN))
    else:
        ticket.publish(Finished(answer, request))
    return ticket
