"""What a chat request says of the answer's form and of functions: OpenAI's shapes."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from model.protocol.shape import SentToWorker

MAX_TOOLS = 128
_JSON_SCHEMA = "a JSON schema: an object"
FunctionName = Annotated[
    str,
    Field(
        pattern=r"^[a-zA-Z0-9_.:-]{1,64}$",
        description="a name of 1 to 64 letters, digits, and _ - . :",
    ),
]


class FunctionSpec(SentToWorker):
    """A function that an answer may call; no `parameters` means that it takes none."""

    name: FunctionName
    description: Annotated[str | None, Field(description="a string")] = None
    parameters: Annotated[dict[str, object] | None, Field(description=_JSON_SCHEMA)] = None
    strict: Annotated[bool | None, Field(description="true or false")] = None


class FunctionTool(SentToWorker):
    """One of the tools of a request; all are functions."""

    type: Annotated[Literal["function"], Field(description="'function'")]
    function: Annotated[FunctionSpec, Field(description="an object with the function's name")]


class NamedFunction(SentToWorker):
    """The name of the function that must be called."""

    name: FunctionName


class NamedChoice(SentToWorker):
    """A `tool_choice` that insists on one function."""

    type: Annotated[Literal["function"], Field(description="'function'")]
    function: Annotated[NamedFunction, Field(description='an object such as {"name": "f"}')]


class SchemaFormat(SentToWorker):
    """The schema of an answer. `strict` changes nothing: a schema is always kept."""

    name: Annotated[
        str | None, Field(max_length=64, description="a string of up to 64 characters")
    ] = None
    description: Annotated[str | None, Field(description="a string")] = None
    schema_: Annotated[dict[str, object], Field(alias="schema", description=_JSON_SCHEMA)]
    strict: Annotated[bool | None, Field(description="true or false")] = None


class ResponseFormat(SentToWorker):
    """The form of an answer: any JSON object, or the JSON of a schema."""

    type: Annotated[
        Literal["json_object", "json_schema"],
        Field(description="'text', 'json_object' or 'json_schema'"),
    ]
    json_schema: Annotated[
        SchemaFormat | None, Field(description='an object such as {"name": "n", "schema": {…}}')
    ] = None

    @model_validator(mode="after")
    def _one_schema(self) -> Self:
        if (self.type == "json_schema") != (self.json_schema is not None):
            raise ValueError("json_schema stands beside type 'json_schema', and only there")
        return self


class CalledFunction(SentToWorker):
    """A call that an earlier answer made; `arguments` are JSON, as text."""

    name: FunctionName
    arguments: Annotated[str, Field(description="a string of JSON")]


class SentCall(SentToWorker):
    """A call in an assistant's turn that is sent back."""

    id: Annotated[str, Field(max_length=256, description="a string of up to 256 characters")]
    type: Annotated[Literal["function"], Field(description="'function'")] = "function"
    function: Annotated[
        CalledFunction, Field(description='an object such as {"name": "f", "arguments": "{}"}')
    ]
    index: Annotated[int | None, Field(description="a whole number")] = None  # as chunks have it


ToolChoice = Annotated[
    Literal["required"] | NamedChoice | None,
    Field(
        description="'none', 'auto', 'required' or "
        '{"type": "function", "function": {"name": "f"}}',
    ),
]
