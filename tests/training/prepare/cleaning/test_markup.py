"""Quotes, edits, links and names go; what only looks like them stays."""

import pytest

from training.prepare.cleaning.clean import clean


@pytest.mark.parametrize(
    ("raw", "cleaned"),
    [
        ("> what you said\n\nno, never", "no, never"),
        ("&gt; escaped quote\nno", "no"),
        (">> nested\n>once\nyes", "yes"),
        (">:( that hurts", ">:( that hurts"),
        (">!the butler!< did it", "the butler did it"),
        ("5 > 3 and\n3 < 5", "5 > 3 and\n3 < 5"),
        ("> nothing else", ""),
        ("It works.\n\nEDIT: it does not", "It works."),
        ("It works. Edit 2: typo", "It works."),
        ("It works.\n**Edit:** thanks\nfor all this", "It works."),
        ("You may edit: the file is open", "You may edit: the file is open"),
        ("credit: my mother", "credit: my mother"),
        ("[this page](https://example.org/a_(b)) says so", "this page says so"),
        ("look: ![gif](giphy|abc)", "look: [link]"),
        ("see https://example.org/x?y=1.", "see [link]."),
        ("(www.example.org/a)", "([link])"),
        ("<https://example.org>", "[link]"),
        ("youtube.com/watch?v=1 is it", "[link] is it"),
        ("either/or and 1/2", "either/or and 1/2"),
        ("ask u/some-body or /u/other", "ask [user] or [user]"),
        ("r/cooking is fine, thou/you", "r/cooking is fine, thou/you"),
        ("thanks @somebody.", "thanks [user]."),
        ("meet @ 5, or @5pm", "meet @ 5, or @5pm"),
        ("write to some.body@example.org", "write to [user]"),
        ("<@!1234> and <:party:99>", "[user] and :party:"),
    ],
)
def test_what_a_page_needs_goes(raw, cleaned):
    assert clean(raw) == cleaned


@pytest.mark.parametrize("piece", ["a.", "![", "[a](", "@a", "u/", ">!", "<a:", " edit", "a@a."])
def test_a_text_made_to_be_slow_is_not(piece):
    clean(piece * 20_000)
