"""Cutting the notes that people add to a text later, in the forms that are known for them."""

import re

from training.prepare.cleaning.verbatim import HIDDEN

_MARKS = r"[*_]{0,3}"
_NUMBER = r"\s?[#(]?\d{1,2}\)?"
_WHY = r"(?:\s?\([^()\n]{1,60}\))"
_ORDINAL = r"(?:\d(?:st|nd|rd|th)\s)"
# "Edit:", "EDIT 2:", "2nd edit:", "**Edit:**", "Edit (for clarity):", "Edited to add:"; with a dash
# in place of the colon only in capitals. ETA mostly means the time of an arrival.
_HEAD = (
    rf"(?:{_ORDINAL}?(?i:edit(?:ed)?)(?:{_NUMBER})?{_WHY}?{_MARKS}\s?[:：]"
    rf"|EDIT(?:{_NUMBER})?{_MARKS}\s[-–—]\s"
    r"|(?i:edited\sto\sadd)[:：,]?\s?"
    r"|ETA\s\((?i:edited\sto\sadd)\)\s?[:：]?"
    r"|\((?i:edited\sto\sadd)\)[:：]?"
    r"|ETA\s?[:：]\s(?i:typos?|spelling|grammar|formatting|wording)\b)"
)
# A paragraph ends at a blank line, or at a block of code that begins a line.
_REST = rf".*(?:\n(?![^\S\n]*(?:\n|$)|(?:{HIDDEN.pattern})(?:\n|$)).+)*"
_LINE = re.compile(rf"(?<![^\n])[^\S\n]*[\[(]?{_MARKS}{_HEAD}{_REST}\n?")
# A line of a list of names and values, "view: all". "Edit:" beside one is a name, as in settings.
_NAMED = r"[^\S\n]*(?:[-*•]\s)?[\"']?(?!(?i:edit|tl;?dr))[\w-]{1,20}[\"']?:\s"
_NAME = re.compile(r"[^\S\n]*[Ee]dit:")
_AFTER_NAMED = re.compile(rf"(?<![^\n]){_NAMED}[^\n]*\n$")
_BEFORE_NAMED = re.compile(rf"[^\n]*\n{_NAMED}")
_BRACKET = re.compile(rf"[^\S\n]?[\[(]{_MARKS}{_HEAD}[^()\[\]\n]{{1,300}}[\])](?!\()")
_SENTENCE = re.compile(rf"(?<=[.!?)\]]) (?:{_MARKS}){_HEAD}{_REST}")


def cut_edits(text: str) -> str:
    """The text without edit notes.

    A note begins a line, or stands behind a sentence or in brackets. It reaches to the end of its
    paragraph or bracket; a block of code ends it too.
    """
    if "ETA" not in text and "edit" not in text.casefold():
        return text
    text = _BRACKET.sub("", text)
    return _SENTENCE.sub("", _LINE.sub(_kept, text)).strip("\n")


def _kept(found: re.Match[str]) -> str:
    """The note if it is a name in a list of names and values, else nothing."""
    if not _NAME.match(found[0]):
        return ""
    line = found.string.rfind("\n", 0, max(0, found.start() - 1)) + 1
    is_named = _AFTER_NAMED.match(found.string, line, found.start())
    return found[0] if is_named or _BEFORE_NAMED.match(found[0]) else ""
