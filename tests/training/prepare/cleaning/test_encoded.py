"""Entities and written-out line ends become what they stand for; nothing else does."""

import pytest

from training.prepare.cleaning.clean import clean


@pytest.mark.parametrize(
    ("raw", "cleaned"),
    [
        ("&lt;3 &amp; &quot;x&quot; &#39;y&#x27;", "<3 & \"x\" 'y'"),
        ("caf&eacute; &mdash; 5&nbsp;&euro;", "café — 5\u00a0€"),
        ("a &amp;copy; b", "a © b"),
        ("&amp;lang=en &lang=en", "&lang=en &lang=en"),
        ("?a=1&amp;copy=2", "?a=1&copy=2"),
        ("&gt; a quote\nno", "no"),
        ("`&lt;` is &lt;", "`&lt;` is <"),
        ("&#128512; &#x1F600;", "😀 😀"),
        ("&#150; and &#0;", "– and \ufffd"),
    ],
)
def test_an_entity_that_is_closed(raw, cleaned):
    assert clean(raw) == cleaned


@pytest.mark.parametrize(
    ("raw", "cleaned"),
    [
        (r"One.\nTwo", "One.\nTwo"),
        (r"One.\r\n\r\nTwo\tthree", "One.\n\nTwo three"),
        ("One.    \\n  Two   \\n  \\n Three", "One.\nTwo\n\nThree"),
        (r"so:\n\n    code(1)\n    code(2)", "so:\n\n    code(1)\n    code(2)"),
        (r"a:\n  b: 1", "a:\n  b: 1"),
        (r"One\nTwo in C:\new\tools", "One\nTwo in C:\\new\\tools"),
        (r"One\nTwo with \nabla f", "One\nTwo with \\nabla f"),
        (r"One\n`a\nb`", "One\n`a\\nb`"),
        (r"X gon give it\n  \n \n", "X gon give it"),
    ],
)
def test_a_written_out_line_end(raw, cleaned):
    assert clean(raw) == cleaned
