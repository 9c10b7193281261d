"""Which rows are good enough to train on, one row at a time. Pure."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from data.files.datasets import Pair
from data.records import Turn
from training.prepare.cleaning.clean import is_empty, is_gone
from training.prepare.cleaning.source_cleaner import SourceCleaner
from training.prepare.language import ANY, is_in
from training.prepare.word_list import WordList
from training.sources.reasons import DroppedRow, DropReason
from training.sources.row import SourceRow

# What bots write, and what people write to call them: in lower case, with straight apostrophes.
_BOT_PHRASES = (
    r"(?:this|the) action was performed automatically",
    r"contact the moderators of this (?:subreddit|community)",
    r"i(?:'m| am) a bot\b.{0,40}?\b(?:automatic|performed|bleep|beep|contact|feedback|source|opt)",
    r"\b(?:bleep|beep),? ?(?:bloop|boop)\b",
    r"!remind ?me\b|\bremindme!",
    r"\bi will be messaging you (?:in|on)\b",
    r"your (?:submission|post|comment) (?:has been|was) (?:automatically )?removed",
    r"\bthis (?:comment|message|reply) was (?:posted|written|made|left) by a bot\b",
    r"\bto opt[- ]out\b.{0,60}\bbot\b",
    r"^(?:very )?(?:good|bad) bot[.!]?$",
)
_BOT_NOTICE = re.compile("|".join(f"(?:{phrase})" for phrase in _BOT_PHRASES), re.DOTALL)
# Names such as RemindMeBot and sneakpeekbot, but no robot, abbot, Talbot or turbot.
_BOT_AUTHOR = re.compile(
    r"^automoderator$|(?:^|[-_])bot(?:$|[-_\d])|(?<!ro)(?<!\bab)(?<!tal)(?<!tur)bot[-_\d]*$|"
    r"(?-i:[a-z\d]Bot(?![a-z]))",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class RowRules:
    """What a row must fulfil. Characters are counted after cleaning, in each text alone.

    A row without a known score passes `min_score`.
    """

    min_score: int | None = None
    min_chars: int = 1
    max_chars: int = 4_000
    language: str = ANY
    words: WordList = field(default_factory=lambda: WordList(frozenset()))

    def reasons(self) -> Iterator[DropReason]:
        """The reasons for which these rules may drop a row."""
        if self.min_score is not None:
            yield DropReason.SCORE
        yield from (DropReason.DELETED, DropReason.BOT, DropReason.EMPTY)
        if self.min_chars > 1:
            yield DropReason.SHORT
        yield DropReason.LONG
        if self.language != ANY:
            yield DropReason.LANGUAGE
        if self.words:
            yield DropReason.WORDS


@dataclass(frozen=True, slots=True)
class KeptRow:
    """A row that fulfils the rules, with cleaned texts."""

    place: str
    pair: Pair
    thread: str | None
    author: str | None


def judge(row: SourceRow, rules: RowRules, cleaner: SourceCleaner) -> KeptRow | DroppedRow:
    """The cleaned row, or the first reason to drop it."""
    comment, reply = (cleaner.clean(text, row.place) for text in (row.comment, row.reply))
    reason = _reason(row, comment, reply, rules)
    if reason is not None:
        says = [text for text in (comment, reply) if not is_empty(text)]
        shown = next((text for text in says if not is_gone(text)), "")
        empty = f": {'comment' if is_empty(comment) else 'reply'} is empty" if len(says) < 2 else ""
        return DroppedRow(reason, row.place + empty, shown)
    before = _before(row.before, rules.max_chars, cleaner.clean_earlier)
    return KeptRow(row.place, Pair(comment, reply, row.topic, before), row.thread, row.author)


def is_bot_notice(text: str, author: str | None = None) -> bool:
    """Whether a bot wrote the text, or the text calls a bot.

    Only the phrases above are known, and authors whose name says that they are a bot.
    """
    if author is not None and _BOT_AUTHOR.search(author):
        return True
    flat = " ".join(text.casefold().replace("’", "'").replace("^", "").replace("*", "").split())
    return _BOT_NOTICE.search(flat) is not None


def _reason(row: SourceRow, comment: str, reply: str, rules: RowRules) -> DropReason | None:
    texts = (comment, reply)
    lengths = [len(text) for text in texts]
    checks = (
        (DropReason.SCORE, lambda: _is_low(row.score, rules.min_score)),
        (DropReason.DELETED, lambda: any(map(is_gone, texts))),
        (DropReason.BOT, lambda: is_bot_notice(comment) or is_bot_notice(reply, row.author)),
        (DropReason.EMPTY, lambda: any(map(is_empty, texts))),
        (DropReason.SHORT, lambda: min(lengths) < rules.min_chars),
        (DropReason.LONG, lambda: max(lengths) > rules.max_chars),
        (DropReason.LANGUAGE, lambda: rules.language != ANY and not is_in(rules.language, *texts)),
        (DropReason.WORDS, lambda: any(rules.words.finds(text) is not None for text in texts)),
    )
    return next((reason for reason, drops in checks if drops()), None)


def _is_low(score: int | None, least: int | None) -> bool:
    return score is not None and least is not None and score < least


def _before(
    turns: tuple[Turn, ...], max_chars: int, cleaned: Callable[[str], str]
) -> tuple[Turn, ...]:
    """The earlier turns, cleaned.

    Of the turns that people and the assistant wrote only those after the last deleted, empty or
    too long one are kept, from the first user's turn on. System turns are kept.
    """
    kept: list[Turn] = []
    for turn in turns:
        text = cleaned(turn.content)
        if turn.role == "system":
            kept += [replace(turn, content=text)] if text else []
        elif is_empty(text) or is_gone(text) or len(text) > max_chars:
            kept = [earlier for earlier in kept if earlier.role == "system"]
        elif turn.role == "user" or any(earlier.role == "user" for earlier in kept):
            kept.append(replace(turn, content=text))
    return tuple(kept)
