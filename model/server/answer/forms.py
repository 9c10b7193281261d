"""The form that a request wants its answer in: JSON, JSON of a schema, or calls of functions."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from model.errors import BadParameter
from model.grammar.schema import checked_schema, rebased
from model.grammar.wish import GrammarWish, Schema
from model.protocol.chat_request import ChatRequest
from model.protocol.chat_tools import FunctionSpec, FunctionTool, NamedChoice
from model.text.codec import ChatTurn

MAX_CALLS = 8  # of one answer
_CALL = '{"name": …, "arguments": …}'


@dataclass(frozen=True, slots=True)
class AnswerForm:
    """What an answer must be, and what the model is told of it; "" where that is nothing."""

    wish: GrammarWish
    told: str = ""


def form_of(request: ChatRequest) -> AnswerForm | None:
    """The form of a request's answer; None where it has none.

    A call comes before a form of text. Raises BadParameter for functions that cannot be called, and
    for a begun answer, which has its form already.
    """
    if request.has_form and request.continue_final_message:
        field = "response_format" if request.tool_choice is None else "tool_choice"
        raise BadParameter(field, f"{field}: an answer in a form cannot go on with a begun one")
    if request.tool_choice is not None:
        return _calls(request)
    wanted = request.response_format
    if wanted is None:
        return None
    if wanted.json_schema is None:
        return AnswerForm(GrammarWish("response_format", {"type": "object"}))
    return AnswerForm(GrammarWish("response_format.json_schema.schema", wanted.json_schema.schema_))


def told(turns: Sequence[ChatTurn], form: AnswerForm | None) -> tuple[ChatTurn, ...]:
    """The turns with what the model is told of the form, in the first system turn or as one."""
    if form is None or not form.told:
        return tuple(turns)
    if turns and turns[0].role == "system":
        return (ChatTurn("system", f"{turns[0].content}\n\n{form.told}"), *turns[1:])
    return (ChatTurn("system", form.told), *turns)


def _calls(request: ChatRequest) -> AnswerForm:
    """Calls as JSON, `{"name": …, "arguments": …}`: one, or a list where several are allowed.

    The parameters of each function stand at the schema's root, so that their references hold.
    """
    tools = _callable(request)
    definitions: Schema = {}
    calls: list[Schema] = []
    for place, tool in tools:
        name = f"function{place}"
        param = f"tools[{place}].function.parameters"
        parameters = checked_schema(param, _closed(tool.function))
        definitions[name] = rebased(parameters, f"#/$defs/{name}")
        calls.append(_call(tool.function.name, f"#/$defs/{name}"))
    one: Schema = calls[0] if len(calls) == 1 else {"anyOf": calls}
    several = bool(request.parallel_tool_calls) and not isinstance(request.tool_choice, NamedChoice)
    if several:
        one = {"type": "array", "items": one, "minItems": 1, "maxItems": MAX_CALLS}
    wish = GrammarWish("tools", {"$defs": definitions, **one}, fixed=True)
    return AnswerForm(wish, _instruction([tool.function for _, tool in tools], several=several))


def _callable(request: ChatRequest) -> list[tuple[int, FunctionTool]]:
    """The tools that the answer may call, with their places."""
    tools, choice = request.tools or [], request.tool_choice
    names = [tool.function.name for tool in tools]
    if not names:
        raise BadParameter("tools", "tool_choice insists on a call, and there are no tools")
    if twice := [name for name in names if names.count(name) > 1]:
        raise BadParameter("tools", f"tools has two functions of the name {twice[0]}")
    if not isinstance(choice, NamedChoice):
        return list(enumerate(tools))
    if choice.function.name not in names:
        raise BadParameter("tool_choice", f"tool_choice names {choice.function.name}, no tool does")
    place = names.index(choice.function.name)
    return [(place, tools[place])]


def _closed(function: FunctionSpec) -> Schema:
    """The arguments' schema: an object, of the named properties only unless it says otherwise."""
    parameters = function.parameters or {"properties": {}}
    if not parameters.keys() & {"type", "properties"}:
        return {"type": "object", **parameters}
    if parameters.keys() & {"allOf", "anyOf", "oneOf", "$ref", "patternProperties"}:
        return {"type": "object", **parameters}
    return {"type": "object", "additionalProperties": False, **parameters}


def _call(name: str, parameters: str) -> Schema:
    return {
        "type": "object",
        "properties": {"name": {"const": name}, "arguments": {"$ref": parameters}},
        "required": ["name", "arguments"],
        "additionalProperties": False,
    }


def _instruction(functions: Sequence[FunctionSpec], *, several: bool) -> str:
    listed = [
        json.dumps(one.model_dump(exclude_none=True, exclude={"strict"}), ensure_ascii=False)
        for one in functions
    ]
    calls = f"a list of calls, [{_CALL}, …]" if several else f"a call, {_CALL}"
    heads = "You can call these functions:"
    return "\n".join([heads, *listed, f"Answer with {calls}, and nothing else."])
