"""What embeds, polls and layouts say: everything in a message that is no plain text. Pure."""

from collections.abc import Iterable, Iterator, Sequence

import discord

MOST_NESTED = 8  # layouts in layouts; Discord allows fewer


def embed_text(embed: discord.Embed) -> str:
    """An embed's words from top to bottom, a line each; empty where it has none."""
    if embed.type == "poll_result":
        return ""
    parts = [
        embed.provider.name,
        embed.author.name,
        embed.title,
        embed.description,
        *(f"{field.name}: {field.value}" for field in embed.fields),
        embed.footer.text,
    ]
    lines = [part.strip() for part in parts if part and part.strip()]
    return "\n".join(["[embed]", *lines]) if lines else ""


def poll_text(poll: discord.Poll) -> str:
    """A poll's question and answers, with the votes as far as Discord tells them."""
    counted = poll.total_votes > 0 or poll.is_finalised()
    lines = [f"[poll{', closed' if poll.is_finalised() else ''}] {poll.question}"]
    for answer in poll.answers:
        sign = f"{_emoji(answer.emoji)} " if answer.emoji else ""
        votes = f" ({_votes(answer.vote_count)})" if counted else ""
        lines.append(f"- {sign}{answer.text or ''}{votes}")
    return "\n".join(lines)


def poll_result_text(embeds: Sequence[discord.Embed]) -> str:
    """How a poll ended, from the message that Discord posts at its end."""
    fields = {field.name: field.value or "" for embed in embeds for field in embed.fields}
    question = fields.get("poll_question_text", "")
    winner = fields.get("victor_answer_text")
    total = fields.get("total_votes", "")
    won = fields.get("victor_answer_votes", "")
    outcome = f", won by {winner} ({won} of {total} votes)" if winner else ", without a winner"
    return f"the poll “{question}” has closed{outcome}"


def layout_text(components: Iterable[discord.Component]) -> str:
    """The words in the layout of a message: text displays and what describes its pictures."""
    return "\n".join(text for text in _said(components, MOST_NESTED) if text.strip())


def _said(components: Iterable[object], depth: int) -> Iterator[str]:
    if depth == 0:
        return
    for one in components:
        match one:
            case discord.TextDisplay():
                yield one.content
            case discord.SectionComponent():
                yield from _said((*one.children, one.accessory), depth - 1)
            case discord.Container():
                yield from _said(one.children, depth - 1)
            case discord.ThumbnailComponent():
                yield _picture(one.description)
            case discord.MediaGalleryComponent():
                yield from (_picture(item.description) for item in one.items)
            case discord.FileComponent():
                yield f"[file: {one.name}]" if one.name else ""
            case _:
                pass


def _picture(description: str | None) -> str:
    return f"[picture: {description}]" if description else ""


def _emoji(emoji: discord.Emoji | discord.PartialEmoji) -> str:
    return f":{emoji.name}:" if emoji.id else emoji.name or ""


def _votes(count: int) -> str:
    return f"{count} vote{'' if count == 1 else 's'}"
