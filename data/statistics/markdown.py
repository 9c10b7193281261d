"""How much markdown a text has: what the board controls for as style."""

import re
from dataclasses import dataclass

_FENCED = re.compile(r"^ {0,3}```.*?(?:^ {0,3}```[ \t]*$|\Z)", re.MULTILINE | re.DOTALL)
_INLINE_CODE = re.compile(r"`[^`\n]+`")
_HEADING = re.compile(r"^ {0,3}#{1,6}[ \t]+\S", re.MULTILINE)
_LIST_ITEM = re.compile(r"^[ \t]*(?:[-*+]|\d{1,9}[.)])[ \t]+\S", re.MULTILINE)
_BOLD = re.compile(r"\*\*(?=\S)[^*\n]+?(?<=\S)\*\*|__(?=\S)[^_\n]+?(?<=\S)__")


@dataclass(frozen=True, slots=True)
class MarkdownCounts:
    """How many headings, list items, bold passages and blocks of code a text has."""

    headings: int = 0
    list_items: int = 0
    bold: int = 0
    code_blocks: int = 0

    def __post_init__(self) -> None:
        if min(self.headings, self.list_items, self.bold, self.code_blocks) < 0:
            raise ValueError(f"no count of markdown can be negative: {self}")

    @property
    def total(self) -> int:
        """All of them together."""
        return self.headings + self.list_items + self.bold + self.code_blocks


def count_markdown(text: str) -> MarkdownCounts:
    """Count the markdown of a text. What stands in code is not markdown.

    A block that is opened and never closed reaches to the end, as Discord shows it.
    """
    outside, blocks = _FENCED.subn("", text)
    outside = _INLINE_CODE.sub("", outside)
    return MarkdownCounts(
        headings=len(_HEADING.findall(outside)),
        list_items=len(_LIST_ITEM.findall(outside)),
        bold=len(_BOLD.findall(outside)),
        code_blocks=blocks,
    )
