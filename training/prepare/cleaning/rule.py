"""The rules of cleaning by name, and which of them a person wants."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum


class CleaningRule(StrEnum):
    """One kind of change to a text, in the order in which they are applied."""

    ENTITIES = "entities"
    ESCAPES = "escapes"
    CHARACTERS = "characters"
    COMPOSITION = "composition"
    SPACES = "spaces"
    SPOILERS = "spoilers"
    QUOTES = "quotes"
    EDITS = "edits"
    LINKS = "links"
    EMOJI = "emoji"
    NAMES = "names"

    @property
    def what(self) -> str:
        """What the rule does, as a phrase for the card."""
        return _WHAT[self]


_WHAT = {
    CleaningRule.ENTITIES: "closed HTML entities (`&amp;`) become their characters",
    CleaningRule.ESCAPES: "line ends and tabs that are written out (`\\n`) become real ones",
    CleaningRule.CHARACTERS: "control characters and invisible ones go",
    CleaningRule.COMPOSITION: "letters and their accents are composed (NFC)",
    CleaningRule.SPACES: "several spaces, or several blank lines, become one",
    CleaningRule.SPOILERS: "spoilers lose their marks",
    CleaningRule.QUOTES: "quoted lines (`> …`) go",
    CleaningRule.EDITS: "edit notes (`EDIT: …`) go, to the end of their paragraph",
    CleaningRule.LINKS: "links become their words, or [link]",
    CleaningRule.EMOJI: "Discord's own emoji become their names",
    CleaningRule.NAMES: "user names and mail addresses become [user]",
}
EVERY_RULE = frozenset(CleaningRule)
# What was done to a whole source before it came here. A text alone does not tell whether it was.
ENCODINGS = (CleaningRule.ENTITIES, CleaningRule.ESCAPES)


@dataclass(frozen=True, slots=True)
class CleaningChoice:
    """The rules that a person switched off, and the encodings that every source is known to have.

    An encoding in neither is undone in the sources that show it in many of their texts.
    """

    without: frozenset[CleaningRule] = frozenset()
    decode: frozenset[CleaningRule] = frozenset()

    def __post_init__(self) -> None:
        """Raise ValueError if a rule is in both, or if one to decode is no encoding."""
        if both := self.without & self.decode:
            raise ValueError(f"{named(both)} cannot be asked for and switched off at once")
        if others := self.decode - set(ENCODINGS):
            raise ValueError(f"{named(others)} cannot be decoded, only {named(ENCODINGS)}")


def named(rules: Collection[CleaningRule]) -> str:
    """The names of the rules in their order, with commas."""
    return ", ".join(rule for rule in CleaningRule if rule in rules)
