"""What crosses the wire: OpenAI's chat shapes, and `fungpt` fields beside them."""

from typing import Annotated, ClassVar, Literal, cast

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from model.text.codec import ChatTurn

Penalty = Annotated[float, Field(ge=-2, le=2, description="a number from -2 to 2")]
StopText = Annotated[str, Field(min_length=1, max_length=256)]


class _Asked(BaseModel):
    """Comes in: unknown fields are refused by name, types are not guessed."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _Told(BaseModel):
    """Goes out, and is read back by the client: fields of other servers are kept aside."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class TextPart(_Asked):
    """A text part of a message's content; other kinds are not supported."""

    type: Literal["text"]
    text: str


class ChatMessage(_Asked):
    """One turn as OpenAI writes it."""

    role: Annotated[
        Literal["system", "user", "assistant"],
        Field(description="'system', 'user' or 'assistant'"),
    ]
    content: Annotated[
        str | list[TextPart],
        Field(description='a string or a list of {"type": "text", "text": …}'),
    ]

    @field_validator("content", mode="before")
    @classmethod
    def _text_only(cls, value: object) -> object:
        for part in cast("list[object]", value) if isinstance(value, list) else ():
            kind = cast("dict[str, object]", part).get("type") if isinstance(part, dict) else part
            if kind != "text":
                raise ValueError(f"a part of type {kind!r} is not supported, only 'text' is")
        return value

    def turn(self) -> ChatTurn:
        """The turn with its text parts joined by line ends."""
        if isinstance(self.content, str):
            return ChatTurn(self.role, self.content)
        return ChatTurn(self.role, "\n".join(part.text for part in self.content))


class StreamOptions(_Asked):
    """Options of a streamed answer."""

    include_usage: Annotated[bool, Field(description="true or false")] = False


class ChatRequest(_Asked):
    """Body of POST /v1/chat/completions; every parameter that is supported stands here.

    A field set to null counts as not given. `max_completion_tokens` is OpenAI's newer name of
    `max_tokens`; both together are refused unless equal. `stop` takes one string or up to four.
    """

    model: Annotated[str, Field(description="a string, one of /v1/models")]
    messages: Annotated[
        list[ChatMessage], Field(min_length=1, description="a list of one turn or more")
    ]
    stream: Annotated[bool, Field(description="true or false")] = False
    stream_options: Annotated[
        StreamOptions | None, Field(description='an object such as {"include_usage": true}')
    ] = None
    max_tokens: Annotated[int | None, Field(ge=1, description="an integer from 1")] = None
    max_completion_tokens: Annotated[int | None, Field(ge=1, description="an integer from 1")] = (
        None
    )
    temperature: Annotated[float, Field(ge=0, le=2, description="a number from 0 to 2")] = 1.0
    top_p: Annotated[float, Field(gt=0, le=1, description="a number above 0 and up to 1")] = 1.0
    top_k: Annotated[
        int, Field(ge=0, le=1_000_000, description="an integer from 0 (off) to 1000000")
    ] = 0
    min_p: Annotated[float, Field(ge=0, le=1, description="a number from 0 to 1")] = 0.0
    repetition_penalty: Annotated[
        float, Field(gt=0, le=2, description="a number above 0 and up to 2")
    ] = 1.0
    frequency_penalty: Penalty = 0.0
    presence_penalty: Penalty = 0.0
    seed: Annotated[
        int | None, Field(ge=0, lt=2**63, description="an integer from 0 to 2**63 - 1")
    ] = None
    stop: Annotated[
        StopText | Annotated[list[StopText], Field(max_length=4)] | None,
        Field(description="a string, or up to 4, of 1 to 256 characters each"),
    ] = None
    n: Annotated[Literal[1], Field(description="1: one answer a request")] = 1
    user: Annotated[
        str | None, Field(max_length=512, description="a string of up to 512 characters")
    ] = None

    @model_validator(mode="before")
    @classmethod
    def _null_is_not_given(cls, data: object) -> object:
        if isinstance(data, dict):
            return {key: value for key, value in data.items() if value is not None}
        return data

    @property
    def limit(self) -> int | None:
        """The most tokens asked for, under either name."""
        return self.max_tokens if self.max_completion_tokens is None else self.max_completion_tokens

    @property
    def stops(self) -> tuple[str, ...]:
        """The stop strings as a tuple."""
        if self.stop is None:
            return ()
        return (self.stop,) if isinstance(self.stop, str) else tuple(self.stop)

    @property
    def turns(self) -> tuple[ChatTurn, ...]:
        """The conversation as the codec takes it."""
        return tuple(message.turn() for message in self.messages)


class Usage(_Told):
    """Tokens counted; `completion_tokens` are the sampled ones, without the end token."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class Extension(_Told):
    """What OpenAI's shape has no place for, under the name `fungpt`."""

    model_id: str
    adapter_hash: str | None
    seed: int


class _Sparse(_Told):
    """Fields that are None are left out of the JSON, where OpenAI leaves them out too."""

    optional: ClassVar[frozenset[str]] = frozenset()

    @model_serializer(mode="wrap")
    def _leave_out(self, handler: SerializerFunctionWrapHandler) -> dict[str, object]:
        fields: dict[str, object] = handler(self)
        return {
            name: value
            for name, value in fields.items()
            if value is not None or name not in self.optional
        }


class ChunkDelta(_Sparse):
    """What a chunk adds."""

    optional = frozenset({"role", "content"})

    role: Literal["assistant"] | None = None
    content: str | None = None


class ChunkChoice(_Told):
    """The one choice of a chunk."""

    index: int = 0
    delta: ChunkDelta
    finish_reason: Literal["stop", "length"] | None = None


class ChatChunk(_Sparse):
    """One event of a streamed answer; the first and the one with a finish reason carry `fungpt`."""

    optional = frozenset({"usage", "fungpt"})

    id: str
    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"
    created: int
    model: str
    choices: list[ChunkChoice]
    usage: Usage | None = None
    fungpt: Extension | None = None


class AnswerMessage(_Told):
    """A whole answer's message."""

    role: Literal["assistant"] = "assistant"
    content: str


class AnswerChoice(_Told):
    """The one choice of a whole answer."""

    index: int = 0
    message: AnswerMessage
    finish_reason: Literal["stop", "length"]


class ChatAnswer(_Told):
    """A whole answer, not streamed."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[AnswerChoice]
    usage: Usage
    fungpt: Extension


class ErrorBody(_Sparse):
    """OpenAI's error object; `stage` and `progress` only while the worker is not ready."""

    optional = frozenset({"stage", "progress"})

    message: str
    type: str = "invalid_request_error"
    param: str | None = None
    code: str | None = None
    stage: str | None = None
    progress: float | None = None


class ErrorAnswer(_Told):
    """Body of every answer that is an error."""

    error: ErrorBody


class CardExtension(_Told):
    """What a model card says beyond OpenAI's fields."""

    model_id: str
    adapter_hash: str | None
    max_context: int


class ModelCard(_Told):
    """One variant. `root` is the base model's id or the adapter's source, as vLLM has it."""

    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str = ""
    root: str | None = None
    parent: str | None = None
    fungpt: CardExtension | None = None

    @property
    def adapter_hash(self) -> str | None:
        """Hash of the adapter; None for the base model and for servers that do not say."""
        return None if self.fungpt is None else self.fungpt.adapter_hash


class ModelList(_Told):
    """Body of GET /v1/models."""

    object: Literal["list"] = "list"
    data: list[ModelCard]


class AdapterRequest(_Asked):
    """Body of POST /v1/adapters."""

    name: Annotated[str, Field(description="a string, the variant's name")]
    path: Annotated[
        str, Field(description="a string, the adapter's folder in the registry: NAME/VERSION")
    ]


class Health(_Told):
    """Body of GET /health. `busy_s` is how long the current step has been running."""

    status: Literal["loading", "ok", "draining", "failed"]
    stage: str = ""
    progress: float | None = None
    error: str | None = None
    model_id: str | None = None
    busy_s: float = 0.0
    running: int = 0
    waiting: int = 0


class Listening(_Told):
    """The one line the worker prints on standard output once it listens."""

    event: Literal["listening"] = "listening"
    host: str
    port: int
