"""The adapters that are served, and the change of them that is under way."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from model.engine.api import AdapterCard
from model.errors import ModelError, NotReady
from model.server.engine_thread import AdapterAdded, AdapterNotAdded, AdapterRemoved

CHANGE_LIMIT_S = 60.0


@dataclass(frozen=True, slots=True)
class _Change:
    """What is to be added (a card) or removed (a name); `done` gets None or the error."""

    what: AdapterCard | str
    done: asyncio.Future[ModelError | None]


class ServedAdapters:
    """Which adapter answers under which name; one change at a time. For one event loop."""

    def __init__(self) -> None:
        self._cards: dict[str, AdapterCard] = {}
        self._change: _Change | None = None

    def begin(self, cards: Mapping[str, AdapterCard]) -> None:
        """Take what a model that was loaded serves, by name."""
        self._cards = dict(cards)

    def cards(self) -> tuple[AdapterCard, ...]:
        """The cards of all that are served, in the order in which their names came."""
        return tuple(self._cards.values())

    def names(self) -> tuple[str, ...]:
        """The names of all that are served, in the same order."""
        return tuple(self._cards)

    async def change(self, what: AdapterCard | str, ask: Callable[[], None]) -> None:
        """Add a card or remove a name: call `ask`, and wait for the engine's answer.

        Raises the ModelError that says why it cannot be, or NotReady when no answer comes.
        """
        done: asyncio.Future[ModelError | None] = asyncio.get_running_loop().create_future()
        self._change = _Change(what, done)
        ask()
        try:
            async with asyncio.timeout(CHANGE_LIMIT_S):
                error = await done
        except TimeoutError:
            raise NotReady("a step takes too long") from None
        if error is not None:
            raise error

    def on_change(self, event: AdapterAdded | AdapterRemoved | AdapterNotAdded) -> None:
        """Take what the engine's thread says of a change."""
        match event:
            case AdapterAdded(card):
                self._cards[card.name] = card
                self._settle(card, None)
            case AdapterRemoved(name):
                self._cards.pop(name, None)
                self._settle(name, None)
            case AdapterNotAdded(card, error):
                self._settle(card, error)

    def fail(self, error: ModelError) -> None:
        """Let the change that is under way, if there is one, end with an error."""
        if self._change is not None:
            self._settle(self._change.what, error)

    def _settle(self, what: AdapterCard | str, error: ModelError | None) -> None:
        change = self._change
        if change is not None and change.what == what and not change.done.done():
            change.done.set_result(error)
