"""What crosses the wire: OpenAI's chat shapes, and `fungpt` fields beside them."""

from typing import Annotated, ClassVar, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from model.codec import ChatTurn

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

    role: Literal["system", "user", "assistant"]
    content: str | list[TextPart]

    def turn(self) -> ChatTurn:
        """The turn with its text parts joined by line ends."""
        if isinstance(self.content, str):
            return ChatTurn(self.role, self.content)
        return ChatTurn(self.role, "\n".join(part.text for part in self.content))


class StreamOptions(_Asked):
    """Options of a streamed answer."""

    include_usage: bool = False


class ChatRequest(_Asked):
    """Body of POST /v1/chat/completions; every parameter that is supported stands here.

    A field set to null counts as not given. `max_completion_tokens` is OpenAI's newer name of
    `max_tokens`; both together are refused unless equal. `stop` takes one string or up to four.
    """

    model: str
    messages: Annotated[list[ChatMessage], Field(min_length=1)]
    stream: bool = False
    stream_options: StreamOptions | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)] = 1.0
    top_p: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] = 1.0
    top_k: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    min_p: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.0
    repetition_penalty: Annotated[float, Field(gt=0, le=2, allow_inf_nan=False)] = 1.0
    frequency_penalty: Annotated[float, Field(ge=-2, le=2, allow_inf_nan=False)] = 0.0
    presence_penalty: Annotated[float, Field(ge=-2, le=2, allow_inf_nan=False)] = 0.0
    seed: Annotated[int, Field(ge=0, lt=2**63)] | None = None
    stop: StopText | Annotated[list[StopText], Field(max_length=4)] | None = None
    n: Literal[1] = 1
    user: Annotated[str, Field(max_length=512)] | None = None

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
    """One event of a streamed answer; the one with a finish reason carries `fungpt`."""

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


def supported_parameters() -> tuple[str, ...]:
    """Names of the request's fields, in order."""
    return tuple(ChatRequest.model_fields)
