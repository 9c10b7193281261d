"""Which rows are good enough to train on, one row at a time. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from data.files.datasets import Pair
from data.records import Turn
from training.prepare.clean import clean, is_gone
from training.prepare.language import ANY, is_in
from training.prepare.notices import is_notice
from training.prepare.word_list import WordList
from training.sources.reasons import Step
from training.sources.row import Refused, SourceRow


@dataclass(frozen=True, slots=True)
class Rules:
    """What a row must be. Characters count after cleaning, for each side alone.

    A row without a known score passes `min_score`.
    """

    min_score: int | None = None
    min_chars: int = 1
    max_chars: int = 4_000
    language: str = ANY
    words: WordList = field(default_factory=lambda: WordList(frozenset()))

    def steps(self) -> Iterator[Step]:
        """The steps that these rules may drop by."""
        if self.min_score is not None:
            yield Step.SCORE
        yield from (Step.DELETED, Step.BOT, Step.EMPTY)
        if self.min_chars > 1:
            yield Step.SHORT
        yield Step.LONG
        if self.language != ANY:
            yield Step.LANGUAGE
        if self.words:
            yield Step.WORDS


@dataclass(frozen=True, slots=True)
class Kept:
    """A row that passed, cleaned."""

    place: str
    pair: Pair
    thread: str | None
    author: str | None


def judge(row: SourceRow, rules: Rules) -> Kept | Refused:
    """The row, cleaned, or the first step that drops it."""
    comment, reply = clean(row.comment), clean(row.reply)
    step = _unwanted(row, comment, reply, rules)
    if step is not None:
        shown = next((text for text in (comment, reply) if text and not is_gone(text)), "")
        return Refused(step, f"{row.place}: {_empty_key(comment, reply)}".removesuffix(": "), shown)
    before = _before(row.before, rules.max_chars)
    return Kept(row.place, Pair(comment, reply, row.topic, before), row.thread, row.author)


def _unwanted(row: SourceRow, comment: str, reply: str, rules: Rules) -> Step | None:
    sides = (comment, reply)
    lengths = [len(side) for side in sides]
    checks = (
        (Step.SCORE, lambda: _is_low(row.score, rules.min_score)),
        (Step.DELETED, lambda: any(map(is_gone, sides))),
        (Step.BOT, lambda: is_notice(comment) or is_notice(reply, row.author)),
        (Step.EMPTY, lambda: not all(sides)),
        (Step.SHORT, lambda: min(lengths) < rules.min_chars),
        (Step.LONG, lambda: max(lengths) > rules.max_chars),
        (Step.LANGUAGE, lambda: rules.language != ANY and not is_in(rules.language, *sides)),
        (Step.WORDS, lambda: any(rules.words.finds(side) is not None for side in sides)),
    )
    return next((step for step, drops in checks if drops()), None)


def _is_low(score: int | None, least: int | None) -> bool:
    return score is not None and least is not None and score < least


def _empty_key(comment: str, reply: str) -> str:
    return "" if comment and reply else f"{'reply' if comment else 'comment'} is empty"


def _before(turns: tuple[Turn, ...], max_chars: int) -> tuple[Turn, ...]:
    """The turns cleaned, from behind the last one that is gone or too long, user first."""
    kept: list[Turn] = []
    for turn in turns:
        text = clean(turn.content)
        if turn.role == "system":
            kept += [replace(turn, content=text)] if text else []
        elif not text or is_gone(text) or len(text) > max_chars:
            kept = [earlier for earlier in kept if earlier.role == "system"]
        elif turn.role == "user" or any(earlier.role == "user" for earlier in kept):
            kept.append(replace(turn, content=text))
    return tuple(kept)
