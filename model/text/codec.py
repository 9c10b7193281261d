"""The border between text and token ids."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True, slots=True)
class ChatTurn:
    """One turn of a conversation as the prompt renderer takes it."""

    role: Role
    content: str


class Detokenizer(Protocol):
    """Turns one row's tokens back into text, one at a time."""

    def add(self, token_id: int) -> str:
        """The text this token completes: whole characters only, "" while one is unfinished."""
        ...

    def flush(self) -> str:
        """What is still held back, at the end of the row."""
        ...


class Codec(Protocol):
    """Text to ids and back; safe to call from several threads."""

    def encode_chat(self, turns: Sequence[ChatTurn]) -> list[int]:
        """The prompt's ids, ready for the answer; control tokens typed by people are plain text.

        Raises BadParameter when the template cannot take these turns.
        """
        ...

    def new_detokenizer(self) -> Detokenizer:
        """A detokenizer for one row."""
        ...
