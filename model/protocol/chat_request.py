"""The body of a chat request, and what it has in common with other requests for answers."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self, cast

from pydantic import Field, field_validator, model_validator

from model.protocol.call_text import joined, result_of, with_calls
from model.protocol.chat_tools import (
    MAX_TOOLS,
    FunctionTool,
    ResponseFormat,
    SentCall,
    ToolChoice,
)
from model.protocol.shape import SentToWorker
from model.sampling import (
    MAX_BIASES,
    MAX_LOGPROBS,
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


class TextPart(SentToWorker):
    """A part of a message's content; only text is supported."""

    type: Literal["text"]
    text: str


class ChatMessage(SentToWorker):
    """One turn of the conversation, as OpenAI writes it."""

    role: Annotated[
        Literal["system", "user", "assistant", "tool"],
        Field(description="'system', 'user', 'assistant' or 'tool'"),
    ]
    content: Annotated[
        str | list[TextPart],
        Field(description='a string or a list of {"type": "text", "text": …}'),
    ]
    tool_calls: Annotated[
        list[SentCall], Field(max_length=MAX_TOOLS, description="a list of calls of functions")
    ] = []  # noqa: RUF012 - pydantic copies it
    tool_call_id: Annotated[
        str | None, Field(max_length=256, description="a string of up to 256 characters")
    ] = None

    @field_validator("content", mode="before")
    @classmethod
    def _text_only(cls, value: object) -> object:
        for part in cast("list[object]", value) if isinstance(value, list) else ():
            kind = cast("dict[str, object]", part).get("type") if isinstance(part, dict) else part
            if kind != "text":
                raise ValueError(f"a part of type {kind!r:.60} is not supported, only 'text' is")
        return value

    @model_validator(mode="after")
    def _calls_and_results(self) -> Self:
        if self.tool_calls and self.role != "assistant":
            raise ValueError("only an assistant's turn has tool_calls")
        if self.tool_call_id is not None and self.role != "tool":
            raise ValueError("only a turn of the role 'tool' has a tool_call_id")
        return self

    @property
    def text(self) -> str:
        """The content as one text; parts are joined with line ends."""
        if isinstance(self.content, str):
            return self.content
        return "\n".join(part.text for part in self.content)

    def turn(self, called: Mapping[str, str]) -> ChatTurn:
        """The turn as the codec takes it; `called` holds the names of functions by call id."""
        if self.role == "tool":
            return result_of(called.get(self.tool_call_id or ""), self.text)
        return ChatTurn(self.role, with_calls(self.text, self.tool_calls))


class StreamOptions(SentToWorker):
    """Options of a streamed answer."""

    include_usage: Annotated[bool, Field(description="true or false")] = False


class _AnswerBody(SentToWorker):
    """The fields of every request for answers, without those that choose a token."""

    model: Annotated[str, Field(description="a string, one of /v1/models")]
    stream: Annotated[bool, Field(description="true or false")] = False
    stream_options: Annotated[
        StreamOptions | None, Field(description='an object such as {"include_usage": true}')
    ] = None
    max_tokens: MaxTokensOrNone = None
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

    @field_validator("logit_bias", mode="before")
    @classmethod
    def _few_biases(cls, value: object) -> object:
        if isinstance(value, dict) and len(cast("dict[object, object]", value)) > MAX_BIASES:
            raise ValueError(f"there may be {MAX_BIASES} of them, not more")
        return value


class AnswerRequest(TokenSampling, _AnswerBody):
    """What every request for answers may say. `stop` takes one string or up to 16."""

    @property
    def limit(self) -> int | None:
        """The most tokens asked for; None where nobody asked."""
        return self.max_tokens

    @property
    def alternatives(self) -> int | None:
        """How many of the likeliest tokens to tell at each place; None where no logprobs are."""
        return None

    @property
    def stops(self) -> tuple[str, ...]:
        """The stop strings as a tuple."""
        if self.stop is None:
            return ()
        return (self.stop,) if isinstance(self.stop, str) else tuple(self.stop)

    def sampling(self, max_tokens: int, seed: int) -> SamplingParams:
        """The parameters for the engine, with the limit and the seed that the worker decided."""
        chosen = self.model_dump(include=set(TokenSampling.model_fields))
        biases = tuple((int(id_), bias) for id_, bias in (self.logit_bias or {}).items())
        return SamplingParams(
            **chosen,
            max_tokens=max_tokens,
            seed=seed,
            logit_bias=biases,
            logprobs=self.alternatives,
        )


class ChatRequest(AnswerRequest):
    """Body of POST /v1/chat/completions: every parameter that the worker supports.

    `max_completion_tokens` is OpenAI's newer name of `max_tokens`; both together are refused unless
    equal. `continue_final_message` and `add_generation_prompt` are vLLM's: true and false let the
    model go on with the last turn, which must be the assistant's, instead of answering it.
    """

    messages: Annotated[
        list[ChatMessage], Field(min_length=1, description="a list of one turn or more")
    ]
    max_completion_tokens: MaxTokensOrNone = None
    logprobs: Annotated[bool, Field(description="true or false")] = False
    top_logprobs: Annotated[
        int, Field(ge=0, le=MAX_LOGPROBS, description="a whole number from 0 to 20")
    ] = 0
    response_format: Annotated[
        ResponseFormat | None,
        Field(description='an object such as {"type": "json_schema", "json_schema": {…}}'),
    ] = None
    tools: Annotated[
        list[FunctionTool] | None,
        Field(max_length=MAX_TOOLS, description="a list of up to 128 functions"),
    ] = None
    tool_choice: ToolChoice = None
    parallel_tool_calls: Annotated[bool | None, Field(description="true or false")] = None
    continue_final_message: Annotated[bool, Field(description="true or false")] = False
    add_generation_prompt: Annotated[bool, Field(description="true or false")] = True

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
    def alternatives(self) -> int | None:
        """`top_logprobs`; None without `logprobs`."""
        return self.top_logprobs if self.logprobs else None

    @property
    def turns(self) -> tuple[ChatTurn, ...]:
        """The conversation as the codec takes it."""
        called = {c.id: c.function.name for said in self.messages for c in said.tool_calls}
        return joined([(said.turn(called), said.role == "tool") for said in self.messages])

    @property
    def has_form(self) -> bool:
        """Whether the answer is made by a grammar."""
        return self.response_format is not None or self.tool_choice is not None

    def sampling(self, max_tokens: int, seed: int) -> SamplingParams:
        """The parameters for the engine, with the limit and the seed that the worker decided."""
        params = super().sampling(max_tokens, seed)
        return params.model_copy(update={"constrained": self.has_form})
