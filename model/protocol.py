"""The JSON that worker and clients exchange: OpenAI's shapes, with `fungpt` fields added."""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal, Self, cast

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from model.sampling import (
    MAX_BIASES,
    MAX_STOPS,
    Bias,
    MaxTokensOrNone,
    SamplingParams,
    SeedOrNone,
    StopText,
    TokenSampling,
)
from model.text.codec import ChatTurn

MAX_ANSWERS = 8
TokenId = Annotated[str, Field(pattern=r"^[0-9]{1,9}$")]


class _Incoming(BaseModel):
    """Sent to the worker: unknown fields are refused, and types are not converted."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _Outgoing(BaseModel):
    """Sent by the worker and read by the client, which ignores fields of other servers."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class TextPart(_Incoming):
    """A part of a message's content; only text is supported."""

    type: Literal["text"]
    text: str


class ChatMessage(_Incoming):
    """One turn of the conversation, as OpenAI writes it."""

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
                raise ValueError(f"a part of type {kind!r:.60} is not supported, only 'text' is")
        return value

    def turn(self) -> ChatTurn:
        """The turn as the codec takes it; text parts are joined with line ends."""
        if isinstance(self.content, str):
            return ChatTurn(self.role, self.content)
        return ChatTurn(self.role, "\n".join(part.text for part in self.content))


class StreamOptions(_Incoming):
    """Options of a streamed answer."""

    include_usage: Annotated[bool, Field(description="true or false")] = False


class _ChatBody(_Incoming):
    """The fields of a chat request, without those that choose a token."""

    model: Annotated[str, Field(description="a string, one of /v1/models")]
    messages: Annotated[
        list[ChatMessage], Field(min_length=1, description="a list of one turn or more")
    ]
    stream: Annotated[bool, Field(description="true or false")] = False
    stream_options: Annotated[
        StreamOptions | None, Field(description='an object such as {"include_usage": true}')
    ] = None
    max_tokens: MaxTokensOrNone = None
    max_completion_tokens: MaxTokensOrNone = None
    seed: SeedOrNone = None
    stop: Annotated[
        StopText | Annotated[list[StopText], Field(max_length=MAX_STOPS)] | None,
        Field(description="a string, or up to 16, of 1 to 256 characters each"),
    ] = None
    n: Annotated[
        int, Field(ge=1, le=MAX_ANSWERS, description="how many answers, a whole number from 1 to 8")
    ] = 1
    logit_bias: Annotated[
        dict[TokenId, Bias] | None,
        Field(description="an object of up to 1024 token ids, each with a number from -100 to 100"),
    ] = None
    user: Annotated[
        str | None, Field(max_length=512, description="a string of up to 512 characters")
    ] = None
    continue_final_message: Annotated[bool, Field(description="true or false")] = False
    add_generation_prompt: Annotated[bool, Field(description="true or false")] = True

    @field_validator("logit_bias", mode="before")
    @classmethod
    def _few_biases(cls, value: object) -> object:
        if isinstance(value, dict) and len(cast("dict[object, object]", value)) > MAX_BIASES:
            raise ValueError(f"there may be {MAX_BIASES} of them, not more")
        return value


class ChatRequest(TokenSampling, _ChatBody):
    """Body of POST /v1/chat/completions: every parameter that the worker supports.

    `max_completion_tokens` is OpenAI's newer name of `max_tokens`; both together are refused unless
    equal. `stop` takes one string or up to 16. `continue_final_message` and `add_generation_prompt`
    are vLLM's: true and false let the model go on with the last turn, which must be the
    assistant's, instead of answering it.
    """

    @model_validator(mode="after")
    def _goes_on_or_answers(self) -> Self:
        if self.continue_final_message == self.add_generation_prompt:
            raise ValueError("give continue_final_message and add_generation_prompt as opposites")
        if self.continue_final_message and self.messages[-1].role != "assistant":
            raise ValueError("only an assistant's turn can be continued")
        return self

    @property
    def limit(self) -> int | None:
        """The most tokens asked for, under either name; None where nobody asked."""
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

    def sampling(self, max_tokens: int, seed: int) -> SamplingParams:
        """The parameters for the engine, with the limit and the seed that the worker decided."""
        chosen = self.model_dump(include=set(TokenSampling.model_fields))
        biases = tuple((int(id_), bias) for id_, bias in (self.logit_bias or {}).items())
        return SamplingParams(**chosen, max_tokens=max_tokens, seed=seed, logit_bias=biases)


class _Sparse(_Outgoing):
    """Leaves the fields named in `optional` out of the JSON where they are None, as OpenAI does."""

    optional: ClassVar[frozenset[str]] = frozenset()

    @model_serializer(mode="wrap")
    def _leave_out(self, handler: SerializerFunctionWrapHandler) -> dict[str, object]:
        fields: dict[str, object] = handler(self)
        return {
            name: value
            for name, value in fields.items()
            if value is not None or name not in self.optional
        }


class PromptDetails(_Outgoing):
    """Of the prompt's tokens, those that were computed before, for another request."""

    cached_tokens: int


class Usage(_Sparse):
    """Counts of tokens; `completion_tokens` are the sampled ones without the end token."""

    optional = frozenset({"prompt_tokens_details"})

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptDetails | None = None

    @classmethod
    def of_answers(cls, usages: Sequence["Usage"]) -> "Usage":
        """The sum over several answers to one prompt, which counts once.

        Of its tokens those count as cached that no answer had to compute.
        """
        cached = (usage.prompt_tokens_details for usage in usages)
        return cls.of_tokens(
            usages[0].prompt_tokens,
            sum(usage.completion_tokens for usage in usages),
            min(0 if details is None else details.cached_tokens for details in cached),
        )

    @classmethod
    def of_tokens(cls, prompt: int, completion: int, cached: int) -> "Usage":
        """These counts; nothing is said of `cached` tokens where there are none."""
        return cls(
            prompt_tokens=prompt,
            completion_tokens=completion,
            total_tokens=prompt + completion,
            prompt_tokens_details=PromptDetails(cached_tokens=cached) if cached else None,
        )


class Extension(_Outgoing):
    """Where an answer comes from; the field `fungpt` of answers. The base has no hash."""

    model_id: str
    adapter_hash: str | None
    seed: int


class ChunkDelta(_Sparse):
    """What a chunk adds to the answer."""

    optional = frozenset({"role", "content"})

    role: Literal["assistant"] | None = None
    content: str | None = None


class ChunkChoice(_Outgoing):
    """What a chunk says of one answer, the `index`-th of those asked for."""

    index: int = 0
    delta: ChunkDelta
    finish_reason: Literal["stop", "length"] | None = None


class ChatChunk(_Sparse):
    """One event of a streamed answer.

    `fungpt` stands in the first chunk and in the one with a finish reason.
    """

    optional = frozenset({"usage", "fungpt"})

    id: str
    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"
    created: int
    model: str
    choices: list[ChunkChoice]
    usage: Usage | None = None
    fungpt: Extension | None = None


class AnswerMessage(_Outgoing):
    """The message of a whole answer."""

    role: Literal["assistant"] = "assistant"
    content: str


class AnswerChoice(_Outgoing):
    """One of the whole answers, the `index`-th of those asked for."""

    index: int = 0
    message: AnswerMessage
    finish_reason: Literal["stop", "length"]


class ChatAnswer(_Outgoing):
    """Body of the answer to a chat request that is not streamed."""

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


class ErrorAnswer(_Outgoing):
    """Body of every answer that is an error."""

    error: ErrorBody


class CardExtension(_Outgoing):
    """What a model card says in its field `fungpt`. The base has no hash."""

    model_id: str
    adapter_hash: str | None
    max_context: int


class ModelCard(_Outgoing):
    """One variant that is served. `root` is the base model's id."""

    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str = ""
    root: str | None = None
    parent: str | None = None
    fungpt: CardExtension | None = None

    @property
    def adapter_hash(self) -> str | None:
        """The adapter's hash; None for the base, and where another kind of server hides it."""
        return None if self.fungpt is None else self.fungpt.adapter_hash


class ModelList(_Outgoing):
    """Body of GET /v1/models."""

    object: Literal["list"] = "list"
    data: list[ModelCard]


class AdapterRequest(_Incoming):
    """Body of POST /v1/adapters."""

    name: Annotated[str, Field(description="a string, the variant's name")]
    path: Annotated[
        str, Field(description="a string, the adapter's folder in the registry: NAME/VERSION")
    ]


class Health(_Outgoing):
    """Body of GET /health.

    `stage` says what the worker is doing and `progress`, from 0 to 1, how far it is while it
    loads; `error` is why it failed. `busy_s` is how many seconds the current step has been
    running; `running` and `waiting` count rows.
    """

    status: Literal["loading", "ok", "draining", "failed"]
    stage: str = ""
    progress: float | None = None
    error: str | None = None
    model_id: str | None = None
    busy_s: float = 0.0
    running: int = 0
    waiting: int = 0


class Listening(_Outgoing):
    """The only line that the worker prints on standard output, as soon as it listens."""

    event: Literal["listening"] = "listening"
    host: str
    port: int
