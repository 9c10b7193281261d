"""What cleaning did, for the card: each rule's work, and the encoding of each source."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from typing import Literal

from pydantic import BaseModel, ConfigDict

from training.prepare.cleaning.clean import TextChange
from training.prepare.cleaning.rule import CleaningRule

_EXAMPLES = 3
_WIDTH = 80
_LEAD = 20  # characters before the change

Why = Literal["seen", "not seen", "known of the format", "asked for", "switched off"]


class CleaningPart(BaseModel):
    """A part of the card that tells of cleaning."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class EncodingRecord(CleaningPart):
    """Whether an encoding was undone in a source, and why.

    `texts` counts the texts that show it, `against` those that speak against it; both are None if
    nobody had to look.
    """

    source: str
    rule: CleaningRule
    undone: bool
    why: Why
    texts: int | None = None
    against: int | None = None


class ChangeExample(CleaningPart):
    """A text before and after a rule, cut to where it changed. Line ends are shown as ⏎."""

    place: str
    before: str
    after: str


class RuleRecord(CleaningPart):
    """In how many comments and replies a rule changed something, with the first of them."""

    rule: CleaningRule
    is_on: bool
    texts: int
    examples: tuple[ChangeExample, ...]


class ChangeTally:
    """Counts the texts that each rule changed and keeps the first three as examples."""

    def __init__(self) -> None:
        self._texts: Counter[CleaningRule] = Counter()
        self._examples: defaultdict[CleaningRule, list[ChangeExample]] = defaultdict(list)

    def add(self, place: str, changes: Iterable[TextChange]) -> None:
        """Count the changes of one text; a rule that changed it several times counts once."""
        seen: set[CleaningRule] = set()
        for change in changes:
            if change.rule not in seen:
                seen.add(change.rule)
                self._texts[change.rule] += 1
                if len(self._examples[change.rule]) < _EXAMPLES:
                    self._examples[change.rule].append(_example(place, change))

    def records(self, without: Collection[CleaningRule]) -> tuple[RuleRecord, ...]:
        """A record for each rule, in order; those in `without` were switched off."""
        return tuple(
            RuleRecord(
                rule=rule,
                is_on=rule not in without,
                texts=self._texts[rule],
                examples=tuple(self._examples[rule]),
            )
            for rule in CleaningRule
        )


def _example(place: str, change: TextChange) -> ChangeExample:
    pairs = zip(change.before, change.after, strict=False)
    shorter = min(len(change.before), len(change.after))
    differs = next((n for n, (old, new) in enumerate(pairs) if old != new), shorter)
    start = max(0, differs - _LEAD)
    return ChangeExample(
        place=place, before=_cut(change.before, start), after=_cut(change.after, start)
    )


def _cut(text: str, start: int) -> str:
    shown = "".join(map(_visible, text[start : start + _WIDTH]))
    shown = f"…{shown}" if start else shown
    return (
        f"{shown[: _WIDTH - 1]}…" if len(shown) + (len(text) > start + _WIDTH) > _WIDTH else shown
    )


def _visible(character: str) -> str:
    if character == "\n":
        return "⏎"
    return character if character.isprintable() else f"<U+{ord(character):04X}>"
