"""Ten people at once: everybody is answered once, and nobody's pile delays the others."""

import asyncio
from pathlib import Path

from tests.bot.wire.reading import answers_in, is_done, shown
from tests.programs.bot_on_discord import Bot, running

PILE = 5


async def test_ten_people_are_served_in_turn(tmp_path: Path):
    settings = {"WORKER_CONCURRENCY": "2", "QUEUE_PER_USER": str(PILE)}
    script = {"step_seconds": 0.005, "reply": "{variant}: {prompt}" + "." * 60}
    async with running(tmp_path / "home", script=script, settings=settings) as bot:
        discord = bot.discord
        rooms = [discord.channel() for _ in range(4)]
        greedy, others = discord.user("Greedy"), [discord.user() for _ in range(9)]
        pile = (bot.ask(rooms[0], greedy, f"greedy {number}") for number in range(PILE))
        await asyncio.gather(*pile)
        await bot.until_rows("SELECT count(*) FROM requests", [(PILE,)])
        await asyncio.gather(
            *(
                bot.ask(rooms[1 + number % 3], user, f"modest {number}")
                for number, user in enumerate(others)
            )
        )
        wanted = PILE + len(others)
        await discord.until(
            lambda: sum(is_done(one) for room in rooms for one in discord.from_bot(room)) == wanted
        )
        await check_fairness(bot, str(greedy.id))
        for room, count in zip(rooms, (PILE, 3, 3, 3), strict=True):
            texts = [shown(answer) for answer in await answers_in(discord, room, count)]
            assert len(set(texts)) == count
            assert {one.reference for one in discord.from_bot(room)} >= {
                one for one in room.messages.values() if one.author is not discord.me
            }
        waiting = [one.revisions[0].content for one in discord.from_bot(rooms[0])]
        assert any("in line" in content for content in waiting), "the position is shown"


async def check_fairness(bot: Bot, greedy: str) -> None:
    """The pile's rest comes after everybody's first question; the others' waits are alike."""
    rows = bot.rows("SELECT user_id, state, started_at FROM requests ORDER BY started_at, id")
    assert {state for _, state, _ in rows} == {"finished"}
    order = [user for user, _, _ in rows]
    mine = [place for place, user in enumerate(order) if user == greedy]
    first_of_others = [order.index(user) for user in set(order) - {greedy}]
    in_front = sum(place < max(first_of_others) for place in mine)
    assert in_front <= 3, f"{in_front} of the pile went before somebody's first question: {order}"


async def test_who_asks_too_much_is_told_so(tmp_path: Path):
    settings = {"QUEUE_PER_USER": "1"}
    async with running(tmp_path / "home", settings=settings) as bot:
        discord = bot.discord
        room, ann, bob = discord.channel(), discord.user("Ann"), discord.user("Bob")
        await bot.ask(room, ann, "first " * 40)
        await discord.until(lambda: discord.from_bot(room))
        refused = await bot.ask(room, ann, "second")
        (refusal,) = await discord.until(lambda: discord.replies(refused))
        assert refusal.content
        assert not refusal.buttons
        await bot.ask(room, bob, "third")
        await discord.until(lambda: sum(map(is_done, discord.from_bot(room))) == 2)
        assert bot.rows("SELECT count(*) FROM requests") == [(2,)]
