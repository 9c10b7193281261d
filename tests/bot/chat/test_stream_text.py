"""However a stream is cut, its text comes out whole and without the thoughts."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.chat.stream_text import PieceJoiner, StreamText
from bot.text import clean_text

THOUGHTFUL = [
    ("<think>I wonder</think>\n\nHello <think> there", "Hello <think> there", True),
    ("<think>never ends", "", True),
    ("<THINKING>a</THINKING>b", "b", True),
    ("[THINK]a[/THINK]b", "b", True),
    ("◁think▷a◁/think▷b", "b", True),
    ("<think>a</think> <think>b</think>c", "c", True),
    ("  \n<think></think>\n\nx", "x", True),
    ("pondering\n</think>\n\nHi", "Hi", True),
    ("ponder.</think>Hi", "Hi", True),
    ("about `</think>` in code", "about `</think>` in code", False),
    ("The tag </think> closes it", "The tag </think> closes it", False),
    ('he typed "</think>" twice', 'he typed "</think>" twice', False),
    ("```\n</think>\n```", "```\n</think>\n```", False),
    ("an answer about <think> tags", "an answer about <think> tags", False),
    ("<thi", "<thi", False),
    ("a</thi", "a</thi", False),
    ("\n\nplain <b>text</b> 1 < 2", "\n\nplain <b>text</b> 1 < 2", False),
]


def read(stream: StreamText, pieces: list[str]) -> tuple[str, bool]:
    text, thinks = "", False
    for piece in [*map(stream.take, pieces), stream.end()]:
        text = piece.text if piece.retracted else text + piece.text
        thinks = thinks or piece.thinks
    return text, thinks


@pytest.mark.parametrize(("whole", "text", "thinks"), THOUGHTFUL)
def test_thoughts_are_left_out_however_they_come(whole: str, text: str, thinks: bool):
    for size in (1, 2, 3, 7, len(whole)):
        pieces = [whole[at : at + size] for at in range(0, len(whole), size)]
        assert read(StreamText(), pieces) == (text, thinks), size


@pytest.mark.parametrize(
    ("whole", "text"),
    [("ponder</think>\nHi", "Hi"), ("no thoughts today", "no thoughts today"),
     ("<think>x</think>y", "y"), ("</think>y", "y")],
)  # fmt: skip
def test_a_template_that_is_known_to_open_them(whole: str, text: str):
    for pieces in ([whole], list(whole)):
        shown = ""
        stream = StreamText(presumed=True)
        for piece in pieces:
            more = stream.take(piece)
            assert not more.retracted
            shown += more.text
        assert shown + stream.end().text == text


def test_it_says_who_opens_the_thoughts():
    unopened, opened, none = StreamText(), StreamText(), StreamText()
    read(unopened, ["a</think>b"])
    read(opened, ["<think>a</think>b"])
    read(none, ["b"])
    assert unopened.closed_unopened
    assert not opened.closed_unopened
    assert not none.closed_unopened


@given(st.text(st.characters(exclude_categories=()), max_size=30), st.lists(st.integers(0, 40)))
def test_no_character_and_no_line_end_is_torn_by_the_stream(text: str, cuts: list[int]):
    """Also halves of surrogate pairs, which JSON can bring one by one."""
    raw = text.encode("utf-16-le", "surrogatepass")
    units = [raw[at : at + 2].decode("utf-16-le", "surrogatepass") for at in range(0, len(raw), 2)]
    joiner = PieceJoiner()
    places = sorted({0, len(units), *(cut for cut in cuts if cut < len(units))})
    pieces = ["".join(units[a:b]) for a, b in pairwise(places)]
    assert "".join([*map(joiner.take, pieces), joiner.end()]) == clean_text("".join(units))
