"""Going on with what an earlier run of the bot left: unfinished, or finished but never shown."""

from datetime import UTC, datetime, timedelta

import discord

from bot.chat.events import Ended, Finished
from bot.chat.ticket import Ticket
from bot.discord.answer.outlet import ChannelOutlet
from bot.discord.asking.desk import Desk
from bot.discord.identity import FRONT_END, asking_message, channel_of
from data.records import Request

_ASKED_BY = "{} asked this before I was restarted."  # where no reply says so
_UNKNOWN = "Something went wrong while I was away. Please ask me again."


async def show_leftovers(client: discord.Client, desk: Desk) -> int:
    """Show each of them in the messages that it has already, or in new ones; gives their number.

    Also what an earlier connection of this run left.

    Raises StoreError.
    """
    services = desk.services
    tickets = {
        ticket.request.id: ticket
        for ticket in (*services.leftovers, *services.chat.unfinished(FRONT_END))
        if ticket.request.front_end == FRONT_END
    }
    since = datetime.now(UTC) - timedelta(seconds=services.settings.request_ttl_s)
    for request in await services.store.undelivered(FRONT_END, since):
        if request.id not in tickets:
            tickets[request.id] = await _ended(desk, request)
    shown = 0
    for ticket in tickets.values():
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
