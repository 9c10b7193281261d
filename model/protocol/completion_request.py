"""The body of a request to go on with a text, OpenAI's older way to ask."""

from typing import Annotated, cast

from pydantic import Field, field_validator

from model.protocol.chat_request import MAX_ANSWERS, AnswerRequest

MAX_ALTERNATIVES = 5
_PROMPT = "a string, a list of token ids, or a list of up to 8 of either"
TokenIds = Annotated[list[Annotated[int, Field(ge=0)]], Field(fail_fast=True)]
Texts = Annotated[list[str], Field(fail_fast=True)]


class CompletionRequest(AnswerRequest):
    """Body of POST /v1/completions: every parameter that the worker supports.

    A prompt is a text or its token ids. There may be several, and each gets `n` answers; all
    together there are no more than MAX_ANSWERS. With `echo` an answer begins with its prompt.
    """

    prompt: Annotated[
        str | Texts | TokenIds | Annotated[list[TokenIds], Field(fail_fast=True)],
        Field(description=_PROMPT),
    ]
    echo: Annotated[bool, Field(description="true or false")] = False
    logprobs: Annotated[
        int | None, Field(ge=0, le=MAX_ALTERNATIVES, description="a whole number from 0 to 5")
    ] = None

    @field_validator("prompt", mode="before")
    @classmethod
    def _one_kind(cls, value: object) -> object:
        """Look at the first entry before pydantic tries each kind on what may be a long list."""
        if isinstance(value, str):
            return value
        entries = cast("list[object]", value) if isinstance(value, list) else []
        kind = next((kind for kind in (str, int, list) if entries and _is(entries[0], kind)), None)
        if kind is None or not all(_is(entry, kind) for entry in entries):
            raise ValueError(f"give {_PROMPT}")
        if kind is not int and len(entries) > MAX_ANSWERS:
            raise ValueError(f"there may be {MAX_ANSWERS} of them, not {len(entries)}")
        if kind is list and not all(_are_ids(entry) for entry in entries):
            raise ValueError("a list of token ids holds whole numbers from 0, and one at least")
        if kind is int and not _are_ids(entries):
            raise ValueError("token ids are whole numbers from 0")
        return entries

    @property
    def alternatives(self) -> int | None:
        """`logprobs`, under the name that all requests have for it."""
        return self.logprobs

    @property
    def prompts(self) -> tuple[str | tuple[int, ...], ...]:
        """The prompts one by one, as texts or token ids."""
        if isinstance(self.prompt, str):
            return (self.prompt,)
        if isinstance(self.prompt[0], int):
            return (tuple(cast("list[int]", self.prompt)),)
        several = cast("list[str | list[int]]", self.prompt)
        return tuple(one if isinstance(one, str) else tuple(one) for one in several)


def _is(value: object, kind: type) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


def _are_ids(value: object) -> bool:
    ids = cast("list[object]", value)
    return bool(ids) and all(_is(id_, int) and cast("int", id_) >= 0 for id_ in ids)
