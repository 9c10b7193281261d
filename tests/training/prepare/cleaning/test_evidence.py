"""Whether a source is encoded is seen from all of its texts, not from one."""

import pytest

from training.prepare.cleaning.evidence import Evidence
from training.prepare.cleaning.rule import CleaningRule

ENTITIES, ESCAPES = CleaningRule.ENTITIES, CleaningRule.ESCAPES


def evidence(texts: list[str]) -> Evidence:
    found = Evidence()
    for text in texts:
        found.add(text)
    return found


@pytest.mark.parametrize(
    ("texts", "is_seen"),
    [
        (["a &amp; b", "I &lt;3 it", "&quot;no&quot;", "plain"], True),
        (["a &amp; b", "I &lt;3 it"], False),
        (["write &amp; for it", "and &lt; too", "or &gt;", "R&D", "a -> b"], False),
        (["`&amp;`", "`&lt;`", "```\n&gt;\n```"], False),
        (["?a=1&copy=2", "&lang=en", "that&nothing", "AT&T;"], False),
        ([*["a &amp; b"] * 20, "R&D", "<3"], True),
        ([*["a &amp; b"] * 20, "R&D", "<3", "->"], False),
    ],
)
def test_entities_are_seen(texts, is_seen):
    assert evidence(texts).shows(ENTITIES) is is_seen


@pytest.mark.parametrize(
    ("texts", "is_seen"),
    [
        ([r"One.\nTwo", r"One\n\nTwo", r"Who?\r\nMe", "plain"], True),
        (["One.   \\n  Two", "One   \\n  two", r"“One.”\nTwo"], True),
        ([r"One.\nTwo", r"One\n\nTwo"], False),
        ([r"C:\new.\tools", r"..\nested", r"\\server\new", r"take \nabla"], False),
        ([r"write \n for it", r"or \n\n then", r"a '\n' ends it", r"[^\n]"], False),
        ([r"`a.\nb`", r"$a.\nb = 1$", "```\na.\\nb\n```"], False),
        ([r"One.\nTwo", r"One\n\nTwo", r"Who?\r\nMe", "a\nb"], False),
        ([*[r"One.\nTwo"] * 10, "a\nb"], True),
        ([*[r"One.\nTwo"] * 10, "a\nb", "c\nd"], False),
    ],
)
def test_written_out_line_ends_are_seen(texts, is_seen):
    assert evidence(texts).shows(ESCAPES) is is_seen


def test_texts_are_counted_not_their_entities():
    found = evidence(["a &amp; b &lt;", "R&D &amp;"])
    assert (found.texts(ENTITIES), found.against(ENTITIES)) == (2, 1)
    assert (found.texts(ESCAPES), found.against(ESCAPES)) == (0, 0)
