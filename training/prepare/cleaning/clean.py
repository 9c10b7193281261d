"""Cleaning one text as it comes out of a web page or a dump."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from training.prepare.cleaning import characters, encoded, markup
from training.prepare.cleaning.edits import cut_edits
from training.prepare.cleaning.rule import EVERY_RULE, CleaningRule
from training.prepare.cleaning.verbatim import hide, show, verbatim_spans
from training.sources.row import whole_characters

# What sites show in place of a deleted text.
_GONE = frozenset(
    {
        "[deleted]", "[removed]", "[deleted by user]", "deleted", "removed", "[unavailable]",
        "[removed by reddit]", "[ removed by reddit ]", "[removed by moderator]",
    }
)  # fmt: skip
# What leaves nothing of a text that shows nothing.
_SHOWING = (CleaningRule.ENTITIES, CleaningRule.CHARACTERS, CleaningRule.SPACES)

_Steps = tuple[tuple[CleaningRule, Callable[[str], str]], ...]
_DECODING: _Steps = (
    (CleaningRule.ENTITIES, encoded.decode_entities),
    (CleaningRule.ESCAPES, encoded.decode_escapes),
)
_SHAPING: _Steps = (
    (CleaningRule.CHARACTERS, characters.without_controls),
    (CleaningRule.COMPOSITION, characters.composed),
    (CleaningRule.SPACES, characters.single_spaces),
    (CleaningRule.SPOILERS, markup.open_spoilers),
    (CleaningRule.QUOTES, markup.cut_quotes),
    (CleaningRule.EDITS, cut_edits),
    (CleaningRule.LINKS, markup.reduce_links),
    (CleaningRule.LINKS, markup.replace_links),
    (CleaningRule.EMOJI, markup.name_emoji),
    (CleaningRule.NAMES, markup.replace_names),
)


@dataclass(frozen=True, slots=True)
class TextChange:
    """What one rule made of a text."""

    rule: CleaningRule
    before: str
    after: str


def clean(text: str, rules: Collection[CleaningRule] = EVERY_RULE) -> str:
    """The text without what only a web page needs, as far as these rules go.

    Code and formulas stay as they are, to the character. Cleaning a cleaned text by the same rules
    changes nothing.
    """
    for change in changes(text, rules):
        text = change.after
    return text


def changes(text: str, rules: Collection[CleaningRule] = EVERY_RULE) -> Iterator[TextChange]:
    r"""Each change on the way to the clean text, in order; the last one's `after` is that text.

    Whatever the rules are, line ends become `\n`, and lone surrogates, which no file can hold,
    become spaces.
    """
    plain = whole_characters(characters.simple_line_ends(text))
    if plain != text:
        yield TextChange(CleaningRule.CHARACTERS, text, plain)
    # One change may show another its work: an entity within an entity, a name behind a quote.
    text, before = plain, None
    while text != before:
        before = text
        for steps in (_DECODING, _SHAPING):
            for change in _applied(text, steps, rules):
                yield change
                text = change.after


def is_gone(text: str) -> bool:
    """Whether a text, cleaned or not, only says that it was deleted or removed."""
    return text.strip().casefold() in _GONE


def is_empty(text: str) -> bool:
    """Whether a text shows nothing; `&nbsp;` alone shows nothing, decoded or not."""
    return not text or ("&" in text and not clean(text, _SHOWING))


def _applied(text: str, steps: _Steps, rules: Collection[CleaningRule]) -> Iterator[TextChange]:
    """The changes of these steps, taken one after the other, to what is not verbatim."""
    masked, hidden = hide(text, verbatim_spans(text, drawings=steps is _SHAPING))
    for rule, step in steps:
        if rule in rules and (after := step(masked)) != masked:
            yield TextChange(rule, show(masked, hidden), show(after, hidden))
            masked = after
