"""A codec without a vocabulary: each byte is a token, and each role is a control token."""

import codecs
from collections.abc import Sequence

from model.text.codec import ChatTurn, Role

ROLE_IDS: dict[Role, int] = {"system": 256, "user": 257, "assistant": 258}


class ByteDetokenizer:
    """Bytes back to text, in whole characters; bytes that are no UTF-8 become U+FFFD."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def add(self, token_id: int) -> str:
        """The text that this byte completes; "" while a character is unfinished."""
        return self._decoder.decode(bytes((token_id,)))

    def flush(self) -> str:
        """An unfinished character as U+FFFD, or nothing."""
        return self._decoder.decode(b"", final=True)


class ScriptedCodec:
    """Encodes each turn as its role's id and its bytes, and then the assistant's id."""

    def encode_chat(self, turns: Sequence[ChatTurn], *, goes_on: bool = False) -> list[int]:
        """The ids of the prompt."""
        ids: list[int] = []
        for turn in turns:
            ids += [ROLE_IDS[turn.role], *turn.content.encode("utf-8", "replace")]
        return ids if goes_on else [*ids, ROLE_IDS["assistant"]]

    def encode_text(self, text: str) -> list[int]:
        """The bytes of a text that is no conversation."""
        return list(text.encode("utf-8", "replace"))

    @property
    def vocabulary(self) -> int:
        """Every byte, and a control token for each role."""
        return 256 + len(ROLE_IDS)

    @property
    def prompt_ids(self) -> int:
        """All of them."""
        return self.vocabulary

    def token_bytes(self, token_id: int) -> bytes:
        """The byte, or a role as it is written."""
        if token_id < 256:
            return bytes((token_id,))
        return next(f"<|{role}|>" for role, id_ in ROLE_IDS.items() if id_ == token_id).encode()

    def control_id(self, text: str) -> int | None:
        """The id of a role, written as `<|user|>`."""
        return {f"<|{role}|>": id_ for role, id_ in ROLE_IDS.items()}.get(text)

    def new_detokenizer(self, after: Sequence[int] = ()) -> ByteDetokenizer:
        """A new detokenizer, for one row; a text before it changes nothing."""
        return ByteDetokenizer()


def last_prompt(input_ids: Sequence[int]) -> str:
    """The text of the last user turn; "" where there is none, and a text without turns whole."""
    prompt = bytearray()
    text: bytearray | None = None if any(token >= 256 for token in input_ids) else prompt
    for token in input_ids:
        if token < 256:
            if text is not None:
                text.append(token)
        elif token == ROLE_IDS["user"]:
            text = prompt = bytearray()
        else:
            text = None
    return prompt.decode("utf-8", "replace")


def count_turns(input_ids: Sequence[int]) -> int:
    """How many turns the prompt has."""
    return max(sum(token >= 256 for token in input_ids) - 1, 0)


def begun_answer(input_ids: Sequence[int]) -> bytes:
    """What the prompt has of the answer already, where the answer goes on with it."""
    begin = max((place for place, token in enumerate(input_ids) if token >= 256), default=None)
    if begin is None or input_ids[begin] != ROLE_IDS["assistant"]:
        return b""
    return bytes(input_ids[begin + 1 :])
