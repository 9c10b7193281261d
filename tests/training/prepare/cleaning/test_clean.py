"""What cleaning one text takes away, and that doing it twice changes nothing."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.prepare.cleaning.clean import clean, is_gone


@pytest.mark.parametrize(
    ("raw", "cleaned"),
    [
        ("tea &amp; toast", "tea & toast"),
        ("tea &amp;amp; toast", "tea & toast"),
        ("one\\n\\ntwo", "one\n\ntwo"),
        ("one\\r\\ntwo\\tthree", "one\ntwo three"),
        ("  many   spaces \t here  ", "many spaces here"),
        ("a\n\n\n\n\nb", "a\n\nb"),
        ("a\r\nb\rc", "a\nb\nc"),
        ("bell\x07 and\x00nul", "bell and nul"),
        ("zero\u200bwidth\ufeff", "zerowidth"),
        ("e\u0301", "é"),
        ("👩‍🚀 stays whole", "👩‍🚀 stays whole"),
        ("[deleted]", ""),
        (" [Removed] ", ""),
        ("deleted scenes are great", "deleted scenes are great"),
        ("&nbsp;&#8203;", ""),
        ("\ud800", ""),
    ],
)
def test_cleans(raw, cleaned):
    found = clean(raw)
    assert ("" if is_gone(found) else found) == cleaned


PIECES = [
    "&amp;", "gt;", "lt;", "#64;", "\\n", "\n", " ", "> ", ">!", "!<", "EDIT: ", "[link]", "[", "]",
    "(", ")", "![a](", "http://", "www.", "a.com/", "u/", "/", "@", "abc", "name", "<", ":", "é",
    "e\u0301", "\u200b", "*", ".", "[deleted]", "\0",
]  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.text() | st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
def test_a_clean_text_stays_as_it_is(text):
    assert clean(clean(text)) == clean(text)
