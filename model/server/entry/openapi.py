"""The description of the worker's addresses that it serves at /openapi.json."""

from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from model.protocol.cards import AdapterRequest, ModelCard, ModelList
from model.protocol.chat_answer import ChatAnswer
from model.protocol.chat_request import ChatRequest
from model.protocol.completion_answer import CompletionAnswer
from model.protocol.completion_request import CompletionRequest
from model.protocol.state import ErrorAnswer, Health
from model.server.entry.neutral import COMPLETION_FIELDS, REQUEST_FIELDS

_SCHEMA = "#/components/schemas/"
_NAME = {"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}
# Path, method, what it does, body, answer.
_OPERATIONS: tuple[tuple[str, str, str, type[BaseModel] | None, type[BaseModel] | None], ...] = (
    ("/v1/chat/completions", "post", "Answer a conversation", ChatRequest, ChatAnswer),
    ("/v1/completions", "post", "Go on with a text", CompletionRequest, CompletionAnswer),
    ("/v1/models", "get", "List the variants that are served", None, ModelList),
    ("/v1/models/{name}", "get", "Describe one variant", None, ModelCard),
    ("/v1/adapters", "post", "Serve a promoted adapter", AdapterRequest, ModelList),
    ("/v1/adapters/{name}", "delete", "Serve an adapter no more", None, ModelList),
    ("/health", "get", "Say whether requests are accepted", None, Health),
    ("/metrics", "get", "Show figures to Prometheus", None, None),
    ("/openapi.json", "get", "This description", None, None),
)


@cache
def describe_api() -> dict[str, Any]:
    """The whole description, as OpenAPI 3.1 writes it."""
    bodies = [kind for *_, body, answer in _OPERATIONS for kind in (body, answer) if kind]
    modes = [(kind, "validation") for kind in dict.fromkeys([*bodies, ErrorAnswer])]
    _, schemas = models_json_schema(modes, ref_template=_SCHEMA + "{model}")  # pyright: ignore[reportArgumentType]
    kinds = {"ChatRequest": REQUEST_FIELDS, "CompletionRequest": COMPLETION_FIELDS}
    for kind, fields in kinds.items():
        described = schemas["$defs"][kind]["properties"]
        for name, neutral in fields.items():
            described.setdefault(name, {"description": f"Read past where it is {neutral.words}."})
    paths: dict[str, dict[str, Any]] = {}
    for path, method, summary, body, answer in _OPERATIONS:
        paths.setdefault(path, {})[method] = _operation(path, summary, body, answer)
    return {
        "openapi": "3.1.0",
        "info": {"title": "FunGPT's inference worker", "version": "1"},
        "paths": paths,
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"key": []}],
    }


def _operation(
    path: str, summary: str, body: type[BaseModel] | None, answer: type[BaseModel] | None
) -> dict[str, Any]:
    done = {"description": "Done"} | ({} if answer is None else _content(answer))
    operation: dict[str, Any] = {
        "summary": summary,
        "responses": {"200": done, "default": {"description": "Refused"} | _content(ErrorAnswer)},
    }
    if body is not None:
        operation["requestBody"] = {"required": True} | _content(body)
    if "{name}" in path:
        operation["parameters"] = [_NAME]
    return operation


def _content(kind: type[BaseModel]) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": {"$ref": _SCHEMA + kind.__name__}}}}
