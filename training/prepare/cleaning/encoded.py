"""Undoing what was done to a whole source: HTML's entities, and line ends written out.

Both leave alone what only looks like it. Code and formulas are hidden from them before.
"""

import html
import re
from collections.abc import Iterator
from html.entities import html5

ENTITY = re.compile(r"&(?:#(\d{1,7}|[xX][0-9a-fA-F]{1,6})|([A-Za-z][A-Za-z0-9]{1,31}));")
# LaTeX's commands, but for those that leave a word behind when the escape is taken off.
_COMMAND = (
    r"\\(?:nabla|neq|neg|newline|newcommand|newpage|noindent|nonumber|nolimits|not|notin|nmid|nleq"
    r"|ngeq|nexists|normalsize|ncong|nsubseteq|nparallel|nrightarrow|times|text[a-z]{0,4}|theta"
    r"|tilde|tanh|tfrac|therefore|triangle|tiny|top|title)(?![A-Za-z])"
)
_ESCAPE = re.compile(
    r"(?P<path>(?:(?<![A-Za-z])[A-Zcd]:|\\\\[\w.$-]+|%\w+%|(?<![\w.~])(?:\.\.?|~))"
    r"(?:\\[^\s\\/:*?\"<>|]+)+)"
    rf"|(?P<command>{_COMMAND})"
    r"|(?P<regex>\[[^\[\]\n]{0,40}?\\[nrt][^\[\]\n]{0,40}?\]|\|\\[nrt]|\\[nrt]\||\\\\)"
    r"|(?P<quoted>(?P<mark>\\?[\"'/])(?:\\[nrt]){1,4}(?P=mark))"
    rf"|(?P<line>[ \t]+(?!{_COMMAND})(?:\\r)?\\n(?: {{1,3}}(?! ))?|(?:\\r)?\\n)"
    r"|(?P<tab>\\t)"
)


def is_entity(found: re.Match[str]) -> bool:
    """Whether what ENTITY found is an entity: a number, or a name that HTML knows."""
    return found[1] is not None or f"{found[2]};" in html5


def decode_entities(text: str) -> str:
    """The text with the characters of its entities; those without a semicolon are none."""
    return ENTITY.sub(_entity, text) if "&" in text else text


def decode_escapes(text: str) -> str:
    r"""The text with line ends and tabs for `\n`, `\r\n` and `\t`.

    Paths, commands of LaTeX, regular expressions and escapes in quotes stay.
    """
    return _ESCAPE.sub(_escape, text) if "\\" in text else text


def written_line_ends(text: str) -> Iterator[re.Match[str]]:
    r"""Each `\n` that `decode_escapes` makes a line end, with the space that goes with it."""
    if "\\n" in text:
        yield from (found for found in _ESCAPE.finditer(text) if found["line"] is not None)


def _entity(found: re.Match[str]) -> str:
    return html.unescape(found[0]) if is_entity(found) else found[0]


def _escape(found: re.Match[str]) -> str:
    if found["line"] is not None:
        return "\n"
    return "\t" if found["tab"] is not None else found[0]
