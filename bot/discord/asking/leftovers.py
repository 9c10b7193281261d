"""Going on with what an earlier run of the bot left: unfinished, or finished but never shown."""

from datetime import UTC, datetime, timedelta
from functools import partial

import discord

from bot.chat.events import Ended, Finished
from bot.chat.ticket import Ticket
from bot.discord.answer.outlet import ChannelOutlet
from bot.discord.answer.thread_outlet import ThreadOutlet, title_of
from bot.discord.asking.desk import Desk
from bot.discord.asking.recovery import Recovery
from bot.discord.identity import FRONT_END, asking_channel, asking_message, channel_of
from data.records import Request

_ASKED_BY = "{} asked this before I was restarted."  # where no reply says so
_UNKNOWN = "Something went wrong while I was away. Please ask me again."


async def show_leftovers(client: discord.Client, desk: Desk) -> int:
    """Show each of them in the messages that it has already, or in new ones; gives their number.

    What these messages show already is believed; see Recovery. Raises StoreError.
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
    recovery = Recovery(client, services.store, services.chat.resumption)
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


def outlet_of(client: discord.Client, request: Request) -> ChannelOutlet | ThreadOutlet | None:
    """Where a request is answered; None where its stored data names no channel.

    A conversation that has the id of the question is in the thread that hangs on the question.
    """
    channel_id, asked = channel_of(request.conversation), asking_message(request.source_key)
    if channel_id is None:
        return None
    if asked is None or asked != channel_id:
        return ChannelOutlet(client, channel_id, asked)
    parent = asking_channel(request.source_key) or channel_id
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
