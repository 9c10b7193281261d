"""What every client is asked for and gives, whatever its own words for it are."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

Turns = list[dict[str, Any]]
LIMIT_S = 60.0


@dataclass(frozen=True)
class Place:
    """A worker's address, without /v1, and the key to give."""

    url: str
    key: str

    @property
    def base(self) -> str:
        """The address as clients want it."""
        return f"{self.url}/v1"


def place(name: str) -> Place:
    """One of the workers that `make clients` started: demo, full or loading."""
    return Place(os.environ[f"CLIENTS_{name.upper()}"], os.environ["CLIENTS_KEY"])


@dataclass
class Outcome:
    """Texts and reasons of the answers to one request, in order, and the tokens they took."""

    texts: list[str]
    reasons: list[str | None] = field(default_factory=list)
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class Client(Protocol):
    """One client. `fields` are OpenAI's; `able` names what it can do of n, reasons, schema, …"""

    name: str
    able: frozenset[str]

    def models(self, where: Place) -> list[str]:
        """The names of the models that are served."""
        ...

    def ask(
        self,
        where: Place,
        turns: Turns,
        model: str = "base",
        timeout: float = LIMIT_S,
        **fields: Any,
    ) -> Outcome:
        """A whole answer; raises the client's own errors and never tries again."""
        ...

    def stream(
        self, where: Place, turns: Turns, model: str = "base", **fields: Any
    ) -> Iterator[Outcome]:
        """Pieces of a streamed answer; whoever closes the iterator aborts it."""
        ...


def joined(pieces: Iterator[Outcome]) -> Outcome:
    """The whole answer of a stream."""
    whole = Outcome([])
    for piece in pieces:
        whole.texts += [""] * (len(piece.texts) - len(whole.texts))
        for at, text in enumerate(piece.texts):
            whole.texts[at] += text
        whole.reasons = [*filter(None, whole.reasons), *filter(None, piece.reasons)]
        whole.prompt_tokens = piece.prompt_tokens or whole.prompt_tokens
        whole.completion_tokens = piece.completion_tokens or whole.completion_tokens
    return whole
