"""The requests that have not ended: whose they are, and whose words they hold."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from bot.chat.ticket import Ticket
from data.turns import is_asked_by, without


class OpenTickets:
    """The tickets of all requests that wait, run, or are kept back until somebody has looked.

    `live` has those that wait or run until their end is stored, `kept` gives the others.
    """

    def __init__(self, live: Mapping[str, Ticket], kept: Callable[[], Iterable[Ticket]]) -> None:
        self._live = live
        self._kept = kept

    def __iter__(self) -> Iterator[Ticket]:
        """All of them; those that are kept back last."""
        return iter([*self._live.values(), *self._kept()])

    def of(self, user_id: str) -> list[Ticket]:
        """Those of a person, as far as it is not decided yet how they end."""
        return [one for one in self if one.request.user_id == user_id and one.outcome is None]

    def of_front_end(self, front_end: str) -> list[Ticket]:
        """Those that were asked through a front end."""
        return [one for one in self if one.request.front_end == front_end]

    def repeating(self, user_id: str) -> list[Ticket]:
        """Those of other people that ask with this one's words."""
        return [
            one
            for one in self
            if one.request.user_id != user_id and is_asked_by(one.request.turns, user_id)
        ]

    def leave_out(self, user_id: str) -> None:
        """Take a person who was forgotten out of what all of them hold."""
        for one in self:
            one.update(replace(one.request, turns=without(one.request.turns, user_id)))
