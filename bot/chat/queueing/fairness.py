"""Decides who is next: round robin over people, oldest first within a person. Pure."""

from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

Item = TypeVar("Item")


class RoundRobin(Generic[Item]):
    """Waiting items of several people, taken from each person in turn.

    A new person comes last. After each item its person goes to the back, so that before anybody's
    next item at most one of every other person is taken.
    """

    def __init__(self) -> None:
        self._rotation: dict[str, deque[Item]] = {}  # insertion order is the order of turns

    def __len__(self) -> int:
        return sum(len(waiting) for waiting in self._rotation.values())

    def __iter__(self) -> Iterator[Item]:
        """Yield all items in the order in which `pop` would give them if no other came."""
        round_number = 0
        lines = list(self._rotation.values())
        while lines := [line for line in lines if len(line) > round_number]:
            for line in lines:
                yield line[round_number]
            round_number += 1

    def add(self, person: str, item: Item) -> None:
        """Add an item behind the person's others."""
        self._rotation.setdefault(person, deque()).append(item)

    def pop(self) -> tuple[str, Item]:
        """Remove and return the next person and item; raises IndexError when there is none."""
        if not self._rotation:
            raise IndexError("nobody waits")
        person = next(iter(self._rotation))
        line = self._rotation.pop(person)
        item = line.popleft()
        if line:
            self._rotation[person] = line
        return person, item

    def remove(self, person: str, item: Item) -> bool:
        """Remove an item; the person's turn stays the same. False when it is not there."""
        line = self._rotation.get(person)
        if line is None or item not in line:
            return False
        line.remove(item)
        if not line:
            del self._rotation[person]
        return True

    def waiting(self, person: str) -> int:
        """How many items of this person wait."""
        return len(self._rotation.get(person, ()))


class ServiceTime:
    """The exponential moving average of how long one request takes, in seconds; None at first.

    Each new value weighs a fifth: a change of model shows after a few answers, one odd answer does
    not.
    """

    WEIGHT = 0.2

    def __init__(self) -> None:
        self.average_s: float | None = None

    def add(self, seconds: float) -> None:
        """Take another request's time into account."""
        if self.average_s is None:
            self.average_s = seconds
        else:
            self.average_s += self.WEIGHT * (seconds - self.average_s)


def estimate_s(position: int, free: int, concurrency: int, average_s: float | None) -> float | None:
    """Seconds until the request at `position` (from 1) starts; None when nothing is known.

    `free` of `concurrency` places are free; with all taken, one becomes free every
    average_s / concurrency seconds.
    """
    if position <= free:
        return 0.0
    return None if average_s is None else (position - free) * average_s / concurrency
