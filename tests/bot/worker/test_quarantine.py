"""Suspects are at the worker alone; everybody else together."""

import asyncio

import pytest

from bot.worker.quarantine import Quarantine


class Guest:
    """A task that takes a place and leaves when it is told."""

    def __init__(self, quarantine: Quarantine, *, suspect: bool) -> None:
        self.inside = asyncio.Event()
        self.leave = asyncio.Event()
        self.task = asyncio.create_task(self._stay(quarantine, suspect=suspect))

    async def _stay(self, quarantine: Quarantine, *, suspect: bool) -> None:
        async with quarantine.place(suspect=suspect):
            self.inside.set()
            await self.leave.wait()


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.fixture
def quarantine() -> Quarantine:
    return Quarantine()


async def test_those_under_no_suspicion_are_there_together(quarantine):
    guests = [Guest(quarantine, suspect=False) for _ in range(3)]
    await settle()
    assert all(guest.inside.is_set() for guest in guests)
    for guest in guests:
        guest.leave.set()
        await guest.task


async def test_a_suspect_waits_for_the_others_and_newcomers_for_it(quarantine):
    first = Guest(quarantine, suspect=False)
    await settle()
    suspects = [Guest(quarantine, suspect=True) for _ in range(2)]
    late = Guest(quarantine, suspect=False)
    await settle()
    assert not any(guest.inside.is_set() for guest in (*suspects, late))
    first.leave.set()
    for _ in suspects:
        await settle()
        (alone,) = (one for one in suspects if one.inside.is_set() and not one.task.done())
        assert not late.inside.is_set()
        alone.leave.set()
        await alone.task
    await late.inside.wait()
    late.leave.set()
    await late.task


async def test_a_suspect_that_gives_up_waiting_keeps_nobody_out(quarantine):
    first = Guest(quarantine, suspect=False)
    await settle()
    suspect, late = Guest(quarantine, suspect=True), Guest(quarantine, suspect=False)
    await settle()
    suspect.task.cancel()
    await late.inside.wait()
    for guest in (first, late):
        guest.leave.set()
        await guest.task


async def test_a_suspect_that_breaks_down_makes_room(quarantine):
    with pytest.raises(ZeroDivisionError):
        async with quarantine.place(suspect=True):
            raise ZeroDivisionError
    async with quarantine.place(suspect=True):
        pass
