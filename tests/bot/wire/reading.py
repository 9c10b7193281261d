"""What people see of an answer."""

from tests.discord_server.driver import Discord
from tests.discord_server.state.messages import Message
from tests.discord_server.state.places import Channel

RATINGS = ["👍", "👎", "😂", "🤖"]
SENTENCE = "One more sentence that says nothing new at all. "
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
