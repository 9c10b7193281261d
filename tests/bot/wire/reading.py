"""What people see of an answer, and what the bot stored of it."""

import json
from typing import Any

from tests.discord_server.driver import Discord
from tests.discord_server.state.messages import Message
from tests.discord_server.state.places import Channel, User
from tests.programs.bot_on_discord import Bot

RATINGS = ["👍", "👎", "😂", "🤖"]
SENTENCE = "One more sentence that says nothing new at all. "
UNFINISHED = "SELECT count(*) FROM requests WHERE state IN ('waiting', 'running')"
STATE = "SELECT state FROM requests WHERE conversation = ?"


def conversation(channel: Channel) -> str:
    """What the database calls a channel."""
    return f"discord:{channel.id}"


def shown(messages: list[Message]) -> str:
    """The text of an answer in one piece, without its small print."""
    lines = "\n".join(message.content for message in messages).split("\n")
    return "\n".join(line for line in lines if not line.startswith("-# "))


def small_print(messages: list[Message]) -> str:
    """The line under an answer."""
    return messages[-1].content.rpartition("\n-# ")[2]


def squeezed(text: str) -> str:
    """Without white space, of which a split takes some away."""
    return "".join(text.split())


def is_done(message: Message) -> bool:
    """Whether this is the last message of a finished answer."""
    return any("Again" in label for label in message.labels)


async def answers_in(
    discord: Discord, channel: Channel, count: int = 1, *, after: Message | None = None
) -> list[list[Message]]:
    """Wait for so many finished answers in a channel (after a message); the messages of each."""

    def said() -> list[Message]:
        return [one for one in discord.from_bot(channel) if after is None or one.id > after.id]

    def answers() -> list[list[Message]] | None:
        found: list[list[Message]] = [[]]
        for message in said():
            found[-1].append(message)
            if is_done(message):
                found.append([])
        return found[:-1] if len(found) == count + 1 and not found[-1] else None

    def described() -> str:
        return str([(one.content[:60], one.labels) for one in said()])

    try:
        return await discord.until(answers, f"{count} answers") or []
    except AssertionError as error:
        raise AssertionError(f"{error}\n{described()}") from None


async def answer_in(
    discord: Discord, channel: Channel, *, after: Message | None = None
) -> list[Message]:
    """Wait for the channel's one answer; its messages."""
    return (await answers_in(discord, channel, after=after))[0]


async def begun_in(discord: Discord, channel: Channel) -> Message:
    """Wait until the channel's one answer, made of SENTENCE, has begun; its message."""
    (message,) = await discord.until(
        lambda: [one for one in discord.from_bot(channel) if "One more" in one.content],
        "the beginning of an answer",
    )
    return message


async def rated(discord: Discord, message: Message) -> None:
    """Wait until the bot has put its rating emoji on a message."""
    await discord.until(
        lambda: (
            [one for one, people in message.reactions.items() if discord.me.id in people] == RATINGS
        ),
        "the rating emoji",
    )


async def command(
    discord: Discord, room: Channel, user: User, name: str, /, **values: object
) -> str:
    """Type a command; what it says in the end."""
    return (await discord.settled(await discord.slash(room, user, name, **values))).text


async def settled(bot: Bot) -> None:
    """Wait until nothing that was asked is waiting or running."""
    await bot.until_rows(UNFINISHED, [(0,)])


async def still_works(bot: Bot) -> None:
    """Whatever was going on in the bot has had its turn once it has answered this."""
    other = bot.discord.channel()
    await bot.ask(other, bot.discord.user(), "ping")
    await answer_in(bot.discord, other)


def turns(bot: Bot, channel: Channel) -> list[dict[str, Any]]:
    """What the model was asked with at last in a channel."""
    sql = "SELECT turns FROM requests WHERE conversation = ? ORDER BY id DESC LIMIT 1"
    ((text,),) = bot.rows(sql, conversation(channel))
    return json.loads(text)


def asked(bot: Bot, channel: Channel) -> list[str]:
    """The texts of what the model was asked with at last in a channel, turn by turn."""
    return [turn["content"] for turn in turns(bot, channel)]
