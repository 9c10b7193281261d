from hypothesis import given
from hypothesis import strategies as st

from model.server.answer.stopping import StopScanner

TEXT = st.text(alphabet="abc", max_size=30)
STOPS = st.lists(st.text(alphabet="abc", min_size=1, max_size=5), max_size=4)


def cut(text: str, stops: list[str]) -> str:
    """What must be shown, said plainly: up to the first stop that is complete."""
    for end in range(1, len(text) + 1):
        complete = [stop for stop in stops if text[:end].endswith(stop)]
        if complete:
            return text[: end - max(map(len, complete))]
    return text


def show(pieces: list[str], stops: list[str]) -> str:
    scanner = StopScanner(stops)
    shown = "".join(map(scanner.push, pieces))
    return shown + scanner.flush()


@given(st.lists(TEXT, max_size=8), STOPS)
def test_pieces_joined_are_the_text_cut_at_its_first_stop(pieces, stops):
    assert show(pieces, stops) == cut("".join(pieces), stops)


@given(TEXT, STOPS)
def test_single_characters_show_the_same(text, stops):
    assert show(list(text), stops) == show([text], stops) == cut(text, stops)


@given(st.lists(TEXT, max_size=8), STOPS)
def test_nothing_is_held_back_that_cannot_become_a_stop(pieces, stops):
    scanner = StopScanner(stops)
    seen = shown = ""
    for piece in pieces:
        seen += piece
        shown += scanner.push(piece)
        if scanner.stopped:
            break
        held = seen[len(shown) :]
        assert seen.startswith(shown)
        assert not held or any(stop.startswith(held) and stop != held for stop in stops)


def test_a_stop_across_pieces_is_found_and_ends_everything():
    scanner = StopScanner(["\nUser:"])
    assert scanner.push("Sure.\nUs") == "Sure."
    assert not scanner.stopped
    assert scanner.push("er: hello") == ""
    assert scanner.stopped
    assert scanner.push("more") == ""
    assert scanner.flush() == ""


def test_what_only_began_like_a_stop_is_shown_later():
    scanner = StopScanner(["###"])
    assert scanner.push("a##") == "a"
    assert scanner.push("b") == "##b"


def test_without_stops_everything_passes():
    assert StopScanner([]).push("text") == "text"
