"""Whatever Discord refuses of a last look, there is a plainer one, down to none at all."""

from collections.abc import Sequence

import discord
import pytest

from bot.discord.answer.button_row import finished_row, running_row
from bot.discord.answer.closing import close
from bot.discord.answer.picture import Picture
from bot.discord.answer.screen import Screen
from data.records import RequestMessage
from tests.fakes.outlet import FakeOutlet, refusal

LINE = "-# It was refused."
ROW = finished_row(7)


async def noted(_: RequestMessage) -> None:
    return


async def shown(outlet: FakeOutlet, *contents: str) -> Screen:
    screen = Screen(outlet, 7, noted)
    await screen.show(Picture(contents))
    return screen


@pytest.mark.parametrize(
    ("refused", "left", "buttons"),
    [(0, f"half\n{LINE}", 2), (1, "half", 2), (2, "half", 0), (3, LINE, 0), (4, "…", 0)],
)
async def test_the_best_look_that_is_taken(refused: int, left: str, buttons: int):
    outlet = FakeOutlet()
    screen = Screen(outlet, 7, noted)
    await screen.show(Picture(("half",), running_row(7)))
    outlet.failures.extend([refusal(400, 200000)] * refused)
    await close(screen, LINE, ROW)
    assert outlet.shown == [left]
    assert len(outlet.buttons[101]) == buttons


async def test_with_nothing_shown_the_line_is_all():
    outlet = FakeOutlet()
    await close(Screen(outlet, 7, noted), LINE, ROW)
    assert outlet.shown == [LINE]


async def test_where_nothing_is_taken_nothing_stays():
    outlet = FakeOutlet()
    outlet.failures.extend([refusal(400, 200000)] * 9)
    await close(Screen(outlet, 7, noted), LINE, ROW)
    assert "abandon" in outlet.calls
    assert outlet.shown == []


async def test_where_nothing_may_be_sent_nothing_is_tried():
    outlet = FakeOutlet()
    await close(Screen(outlet, 7, noted), LINE, ROW, may_send=False)
    assert outlet.calls == ["abandon"]


@pytest.mark.parametrize("contents", [("half",), ("one", "two")])
async def test_what_is_gone_is_not_followed_by_more(contents: Sequence[str]):
    outlet = FakeOutlet()
    screen = await shown(outlet, *contents)
    outlet.messages.clear()
    await close(screen, LINE, ROW)
    assert outlet.calls.count("send") == len(contents)


async def test_a_failure_that_may_pass_is_the_callers():
    outlet = FakeOutlet()
    screen = await shown(outlet, "half")
    outlet.failures.append(refusal(502))
    with pytest.raises(discord.DiscordServerError):
        await close(screen, LINE, ROW)
    await close(screen, LINE, ROW)
    assert outlet.shown == [f"half\n{LINE}"]
