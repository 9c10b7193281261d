"""Markdown is counted as people see it."""

import pytest

from data.statistics.markdown import MarkdownCounts, count_markdown


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("", MarkdownCounts()),
        ("Cook. It pays the bills.", MarkdownCounts()),
        ("# One\n## Two\ntext # no heading\n#none", MarkdownCounts(headings=2)),
        ("- a\n* b\n+ c\n  1. d\n2) e\n-none\n1.5 is a number", MarkdownCounts(list_items=5)),
        ("**bold** and __too__, but 2 ** 3 ** 4 not", MarkdownCounts(bold=2)),
        ("*slanted* and _too_", MarkdownCounts()),
        (
            "```py\n# no heading\n- no item\n```\n- an item",
            MarkdownCounts(list_items=1, code_blocks=1),
        ),
        ("a block that never ends\n```\n# none\n**none**", MarkdownCounts(code_blocks=1)),
        ("`**not bold**`", MarkdownCounts()),
    ],
)
def test_what_counts_as_markdown(text, counts):
    assert count_markdown(text) == counts


def test_the_total_is_of_all_kinds():
    assert count_markdown("# A\n- **b**\n```\nc\n```").total == 4


def test_nothing_is_counted_below_zero():
    with pytest.raises(ValueError, match="negative"):
        MarkdownCounts(bold=-1)
