from hypothesis import given
from hypothesis import strategies as st

from model.scripted.codec import ScriptedCodec, count_turns, last_prompt
from model.text.codec import ChatTurn


@given(st.text())
def test_text_survives_the_way_through_bytes(text):
    ids = ScriptedCodec().encode_chat([ChatTurn("user", text)])
    detokenizer = ScriptedCodec().new_detokenizer()
    shown = "".join(map(detokenizer.add, ids[1:-1])) + detokenizer.flush()
    assert shown == text.encode("utf-8", "replace").decode()


def test_a_character_comes_whole_or_not_at_all():
    detokenizer = ScriptedCodec().new_detokenizer()
    assert [detokenizer.add(byte) for byte in "🤖".encode()] == ["", "", "", "🤖"]


def test_an_unfinished_character_is_flushed_as_replacement():
    detokenizer = ScriptedCodec().new_detokenizer()
    assert detokenizer.add("é".encode()[0]) == ""
    assert detokenizer.flush() == "\ufffd"


def test_the_last_user_turn_is_the_prompt():
    turns = [ChatTurn("system", "be"), ChatTurn("user", "one"), ChatTurn("assistant", "1")]
    codec = ScriptedCodec()
    ids = codec.encode_chat([*turns, ChatTurn("user", "two")])
    assert last_prompt(ids) == "two"
    assert count_turns(ids) == 4
    assert last_prompt(codec.encode_chat(turns)) == "one"
    assert last_prompt(codec.encode_chat(turns[:1])) == ""
