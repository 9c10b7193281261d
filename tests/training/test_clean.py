"""What cleaning one text takes away, and that doing it twice changes nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.clean import clean


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
    assert clean(raw) == cleaned


@given(st.text() | st.text(alphabet="&amp;lt#x20n\\ \n[deleted]"))
def test_a_clean_text_stays_as_it_is(text):
    assert clean(clean(text)) == clean(text)
