"""Markup that the end of a message cuts is closed and opened again, or stays whole."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.discord.answer.markup import CLOSED, OpenMarkup, atoms, open_markup
from bot.discord.answer.splitting import split, units

LINK = "[a link](https://example.com/some/where)"
WHOLE = [
    LINK, "https://example.com/a/long/address?of=it", "<@123456789012345678>", "<#123456789012345>",
    "<a:party:123456789012345678>", "<t:1700000000:R>", "`inline code of a few words`", "<@&12345>",
]  # fmt: skip
words = st.lists(st.sampled_from(["word ", "two words ", "Ends. ", "line\n"]), max_size=40)


@pytest.mark.parametrize(
    ("text", "marks"),
    [
        ("plain", ()), ("**bold", ("**",)), ("**bold**", ()), ("||hidden", ("||",)),
        ("||hidden||", ()), ("***both", ("**", "*")), ("***both*** done", ()), ("__under", ("__",)),
        ("~~gone", ("~~",)), ("*soft", ("*",)), ("_soft", ("_",)), ("`code **not bold", ("`",)),
        ("2 * 3 * 4", ()), ("snake_case_name", ()), ("a || b", ()), (r"\*\*not", ()),
        ("* item\n* item", ()), ("**bold\n\nnew paragraph", ()), ("||long\n\nsecret", ("||",)),
        ("**a ||b", ("**", "||")), ("`a\nb", ()), ("```\n**x\n```", ()), ("**bold **", ()),
    ],
)  # fmt: skip
def test_what_is_open(text: str, marks: tuple[str, ...]):
    assert open_markup(text, len(text)) == OpenMarkup(None, marks, "")


@pytest.mark.parametrize(
    ("text", "line"),
    [("> quoted", "> "), ("> quoted\n", ""), ("a\n## Title", "## "), ("-# small", "-# "),
     ("a\n>>> all\nof it\n", ">>> "), ("> a\nb", "")],
)  # fmt: skip
def test_what_the_line_begins_with(text: str, line: str):
    assert open_markup(text, len(text)).line == line


def test_a_line_goes_on_in_the_next_message():
    first = open_markup("> a quote", 9)
    assert open_markup(" that goes on", 13, first).line == "> "
    assert open_markup(" ends\nhere", 10, first).line == ""


@settings(max_examples=80, deadline=None)
@given(words, st.sampled_from(["||", "**", "__", "~~"]), words, words, st.integers(60, 120))
@example(["word "] * 9, "||", ["word "] * 30, ["word "], 60)
def test_every_message_closes_what_it_opens(before, mark, inside, after, limit):
    secret = "".join(inside).replace("\n", " ").strip() or "x"
    text = "".join(before) + f"{mark}{secret}{mark} " + "".join(after)
    chunks = split(text, limit)
    assert "".join(chunk.body for chunk in chunks) == text
    for chunk in chunks:
        assert chunk.content.count(mark) % 2 == 0
        assert units(chunk.content) <= limit
    inside_marks = "".join(
        chunk.content.split(mark)[1] for chunk in chunks if mark in chunk.content
    )
    assert "".join(inside_marks.split()) == "".join(secret.split())


@settings(max_examples=80, deadline=None)
@given(st.lists(st.sampled_from(["word ", "Ends. ", *WHOLE]), max_size=40), st.integers(90, 160))
def test_what_means_something_in_one_piece_only_is_not_cut(parts, limit):
    text = " ".join(parts)
    for one in WHOLE:
        assert sum(chunk.content.count(one) for chunk in split(text, limit)) == text.count(one)


def test_an_unfinished_spoiler_does_not_show_while_it_is_written():
    assert split("The end: ||he dies")[0].content == "The end: ||he dies||"
    assert split("A price of 2**3 and **b")[0].content == "A price of 2**3 and **b"


def test_a_quote_and_a_title_go_on():
    quote = split("> " + "quoted words " * 9, 60)
    assert all(chunk.content.startswith("> ") for chunk in quote)
    title = split("## " + "A very long title " * 6, 60)
    assert all(chunk.content.startswith("## ") for chunk in title)


def test_a_continuation_opens_what_was_open():
    assert split("b = 2\n```", before="```py\na = 1\n")[0].content == "```py\nb = 2\n```"
    assert split("er secret||", before="||a bitt")[0].content == "||er secret||"


def test_nothing_is_open_at_the_start():
    assert open_markup("", 0) == CLOSED
    assert list(atoms("nothing in here")) == []
