"""Tokens go with their text: in the chunk that shows them, and not where a stop cuts them off."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.engine.api import FinishReason, TokenOutput, TokenRequest, TokenScores
from model.protocol.chat_answer import Extension
from model.sampling import SamplingParams
from model.scripted.codec import ScriptedCodec
from model.server.answer.generation import Generation, TextDelta
from model.server.answer.scored_text import (
    ScoredPiece,
    ScoredText,
    chat_logprobs,
    completion_logprobs,
)

EXTENSION = Extension(model_id="m", adapter_hash=None, seed=1)
TEXTS = st.text(alphabet="abcEND é日🎉\n", max_size=12)


def generation(*stops: str) -> Generation:
    params = SamplingParams(max_tokens=99, logprobs=1)
    return Generation(TokenRequest("r", (1,), "base", params), ScriptedCodec(), stops, EXTENSION)


def output(token: int, end: FinishReason | None = None) -> TokenOutput:
    return TokenOutput("r", token, end, scores=TokenScores(-float(token), ((token, -1.0),)))


async def deltas_of(text: bytes, *stops: str) -> list[TextDelta]:
    """What is read, with a reader that looks after every token."""
    made, answer = [], generation(*stops)
    for place, byte in enumerate(text):
        last = place == len(text) - 1
        answer.feed(output(byte, FinishReason.LENGTH if last else None))
        while not answer.ended and answer._text:
            made.append(await answer.read())
    while isinstance(news := await answer.read(), TextDelta):
        made.append(news)
    return made


@settings(deadline=None, max_examples=150)
@given(text=TEXTS.filter(bool), stops=st.lists(st.sampled_from(["END", "é", "a", "日b"])))
async def test_each_delta_has_the_tokens_of_its_text(text, stops):
    deltas = await deltas_of(text.encode(), *stops)
    for delta in deltas:
        assert b"".join(piece.raw for piece in delta.scored) == delta.text.encode()
    shown = "".join(delta.text for delta in deltas)
    cut = min((text.find(stop) for stop in stops if stop in text), default=len(text))
    assert text.startswith(shown)
    assert not stops or len(shown) >= cut
    begins = [piece.begin for delta in deltas for piece in delta.scored]
    assert begins == [at for at, one in enumerate(shown) for _ in one.encode()]


async def test_half_a_character_at_the_end_has_its_tokens():
    deltas = await deltas_of(b"a\xe6\x97")
    assert "".join(delta.text for delta in deltas) == "a\ufffd"
    assert [piece.raw for delta in deltas for piece in delta.scored] == [b"a", b"\xe6", b"\x97"]


def piece_by_piece(*tokens: str) -> ScoredText:
    scored = ScoredText(lambda id_: tokens[id_].encode())
    for id_, token in enumerate(tokens):
        scored.add(id_, TokenScores(-1.0), token)
    return scored


def test_a_token_that_a_stop_cuts_in_two_stays_and_those_behind_it_go():
    scored = piece_by_piece("ab", "c END", " d")
    scored.show(2)
    assert [piece.raw for piece in scored.take()] == [b"ab"]
    scored.show(2)
    assert [piece.raw for piece in scored.take()] == [b"c END"]
    assert not scored.is_ready


def test_tokens_without_text_are_handed_out_at_the_end():
    scored = ScoredText(lambda _: b"<|x|>")
    scored.add(0, TokenScores(-1.0), "")
    scored.show(0)
    assert not scored.is_ready
    scored.end()
    assert [piece.raw for piece in scored.take()] == [b"<|x|>"]
    assert scored.take() == ()


@pytest.mark.parametrize(("shown", "first"), [("Hi", b"Hi"), (" Hi", b" Hi")])
def test_the_first_word_has_the_space_that_is_shown(shown, first):
    words = [b" Hi", b" Ho", b"Ha"]
    scored = ScoredText(lambda id_: words[id_])
    scored.add(0, TokenScores(-1.0, ((1, -0.5), (2, -2.0))), shown)
    scored.add(1, TokenScores(-1.0), " Ho")
    scored.show(9)
    one, two = scored.take()
    assert (one.raw, two.raw) == (first, b" Ho")
    assert [raw for raw, _ in one.top] == [b"Ho" if shown == "Hi" else b" Ho", b"Ha"]


PARTS = [
    ScoredPiece(0, b"\xe6\x97", -1.0, ((b"\xe6\x97", -1.0), (b"a", -2.0))),
    ScoredPiece(0, b"\xa5", -3.0, ((b"b", -0.5),)),
    ScoredPiece(1, b"c", -0.25, ()),
]


def test_openai_s_shape_of_chat_answers():
    told = chat_logprobs(PARTS).model_dump()
    assert told["refusal"] is None
    assert told["content"][0] == {
        "token": "\\xe6\\x97",
        "logprob": -1.0,
        "bytes": [0xE6, 0x97],
        "top_logprobs": [
            {"token": "\\xe6\\x97", "logprob": -1.0, "bytes": [0xE6, 0x97]},
            {"token": "a", "logprob": -2.0, "bytes": [97]},
        ],
    }
    joined = b"".join(bytes(one["bytes"]) for one in told["content"])
    assert joined.decode() == "日c"


def test_openai_s_shape_of_completions():
    told = completion_logprobs(PARTS, 10).model_dump()
    assert told == {
        "tokens": ["bytes:\\xe6\\x97", "bytes:\\xa5", "c"],
        "token_logprobs": [-1.0, -3.0, -0.25],
        "top_logprobs": [
            {"bytes:\\xe6\\x97": -1.0, "a": -2.0},
            {"b": -0.5, "bytes:\\xa5": -3.0},
            {"c": -0.25},
        ],
        "text_offset": [10, 10, 11],
    }
    assert all(math.isfinite(one) for one in told["token_logprobs"])
