"""What all texts of a source together say of how it was encoded. Pure."""

import re
from collections import Counter

from training.prepare.cleaning.encoded import ENTITY, is_entity, written_line_ends
from training.prepare.cleaning.rule import CleaningRule
from training.prepare.cleaning.verbatim import hide, verbatim_spans
from training.sources.row import whole_characters

LEAST = 3  # texts that show an encoding
OUTWEIGH = 10  # texts that show it for each one that an encoder would not have left as it is
_BARE = re.compile("[<>]")
_SENTENCE_ENDS = frozenset(".!?…)\"'”»*")


class Evidence:
    """Counts the texts that show an encoding, and those that speak against it.

    A program that encodes leaves none of its characters bare: a source with entities has no bare
    `&`, `<` or `>`, one with line ends written out has no real ones. A few are forgiven, since
    sources are put together from others. What stands in code counts for nothing.
    """

    def __init__(self) -> None:
        self._texts: Counter[CleaningRule] = Counter()
        self._against: Counter[CleaningRule] = Counter()

    def add(self, text: str) -> None:
        """Look at one text as it stands in the source."""
        text = text.strip()
        if "\n" in text:
            self._against[CleaningRule.ESCAPES] += 1
        if not any(mark in text for mark in "&<>\\"):
            return
        text = whole_characters(text)
        prose, _ = hide(text, verbatim_spans(text, drawings=False))
        entities = sum(map(is_entity, ENTITY.finditer(prose)))
        self._texts[CleaningRule.ENTITIES] += entities > 0
        self._against[CleaningRule.ENTITIES] += (
            prose.count("&") > entities or _BARE.search(prose) is not None
        )
        self._texts[CleaningRule.ESCAPES] += any(
            _is_sure(prose, found) for found in written_line_ends(prose)
        )

    def texts(self, rule: CleaningRule) -> int:
        """How many texts show the encoding that the rule undoes."""
        return self._texts[rule]

    def against(self, rule: CleaningRule) -> int:
        """How many texts have a character that the encoding would have changed."""
        return self._against[rule]

    def shows(self, rule: CleaningRule) -> bool:
        """Whether the source is encoded: many texts show it and hardly any speaks against it."""
        return self._texts[rule] >= max(LEAST, OUTWEIGH * self._against[rule])


def _is_sure(text: str, found: re.Match[str]) -> bool:
    r"""Whether this ends a line, and is no talk of `\n`.

    It stands behind a sentence or two spaces, or two of them stand right behind a word.
    """
    before = text[max(0, found.start() - 1) : found.start()]
    if found[0].startswith("  ") or before in _SENTENCE_ENDS:
        return True
    return before.isalnum() and text.startswith(("\\n", "\\r\\n"), found.end())
