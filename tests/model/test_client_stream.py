"""Whatever JSON a server sends, the reader of an answer ends in the client's own errors."""

from hypothesis import given
from hypothesis import strategies as st

from model.client_errors import words
from model.client_models import read_adapters, read_cards
from model.client_stream import AnswerDelta, AnswerReader, Done
from model.errors import ClientError

FIELDS = st.sampled_from(
    ["choices", "delta", "message", "content", "finish_reason", "usage", "model", "object", "error",
     "data", "id", "path", "scale", "text", "thinking", "prompt_tokens", "detail", "loc"]
)  # fmt: skip
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=4),
    max_leaves=12,
)


@given(st.lists(JSON, max_size=4), st.booleans())
def test_no_event_brings_the_reader_down(events: list[object], is_done: bool):
    reader = AnswerReader("m")
    try:
        pieces = [piece for event in events for piece in reader.take(event)]
        pieces = [*pieces, *reader.end(is_done=is_done)]
    except (ClientError, ValueError):
        return
    assert isinstance(pieces[-1], Done)
    for piece in pieces[:-1]:
        if isinstance(piece, AnswerDelta):
            assert piece.text
            piece.text.encode()  # no half of a character is left


@given(JSON)
def test_no_body_brings_the_readers_of_errors_and_lists_down(body: object):
    said = words(body)
    assert said is None or "\n" not in said
    read_adapters(body)
    try:
        assert all(card.id for card in read_cards(body) if card.id)
    except ValueError:
        return


@given(st.text(st.characters(codec="utf-16"), max_size=12), st.integers(1, 3))
def test_text_cut_anywhere_between_its_surrogates_comes_out_whole(text: str, size: int):
    units = text.encode("utf-16-le")
    pieces = [
        units[start : start + 2 * size].decode("utf-16-le", "surrogatepass")
        for start in range(0, len(units), 2 * size)
    ]
    reader = AnswerReader("m")
    events = [{"choices": [{"delta": {"content": piece}}]} for piece in pieces]
    end = {"choices": [{"finish_reason": "stop"}]}
    told = [piece for event in [*events, end] for piece in reader.take(event)]
    told = [*told, *reader.end(is_done=True)]
    assert "".join(piece.text for piece in told if isinstance(piece, AnswerDelta)) == text
