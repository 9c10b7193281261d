"""The interface between text and token ids."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True, slots=True)
class ChatTurn:
    """One turn of a conversation: who speaks, and what is said."""

    role: Role
    content: str


class Detokenizer(Protocol):
    """Turns the tokens of one row back into text, one token at a time."""

    def add(self, token_id: int) -> str:
        """The text that this token completes; "" while a character is unfinished."""
        ...

    def flush(self) -> str:
        """The text that is still held, at the end of the row."""
        ...


class Codec(Protocol):
    """Text to ids and back; several threads may call it at once."""

    def encode_chat(self, turns: Sequence[ChatTurn], *, goes_on: bool = False) -> list[int]:
        """The ids of the prompt, up to where the answer begins.

        With `goes_on` the last turn is the assistant's, and the answer goes on where it stops.
        A control token that a person typed is encoded as plain text. Raises BadParameter when the
        chat template refuses these turns.
        """
        ...

    def encode_text(self, text: str) -> list[int]:
        """The ids of a text that is no conversation, with what the tokenizer puts before any.

        A control token that a person typed is encoded as plain text.
        """
        ...

    @property
    def vocabulary(self) -> int:
        """How many ids there are: 0 up to this, without it."""
        ...

    @property
    def prompt_ids(self) -> int:
        """How many of them a prompt may have: 0 up to this, without it."""
        ...

    def token_bytes(self, token_id: int) -> bytes:
        """What a token adds to a text, in UTF-8; it may be a part of a character."""
        ...

    def control_id(self, text: str) -> int | None:
        """The id of the control token that is written so; None where the text is ordinary."""
        ...

    def new_detokenizer(self, after: Sequence[int] = ()) -> Detokenizer:
        """A new detokenizer, for one row; `after` are the ids of a text that it goes on with."""
        ...
