"""What a JSON schema may hold: keywords that a grammar can keep, and sizes that cost little."""

import json
from collections.abc import Iterator
from typing import cast

from model.errors import BadParameter
from model.grammar.wish import Schema

MAX_CHARACTERS = 64 * 1024
MAX_SCHEMAS = 2_000  # of a schema and all that stand in it
MAX_VALUES = 2_000  # of all enums together
MAX_PROPERTIES = 200  # of one object
MAX_PATTERN = 512  # characters
# Patterns and formats that may have to hold for one text at once. Whether several exclude one
# another is decided at a cost that doubles with each: 16 take 0.3 s, 24 more than 15 s.
MAX_MEETING = 6
# Those of JSON Schema 2020-12 that the library lacks, and what would change its own behaviour.
UNSUPPORTED = frozenset(
    {"not", "if", "then", "else", "contains", "minContains", "maxContains", "propertyNames"}
    | {"uniqueItems", "unevaluatedItems", "unevaluatedProperties", "dependencies", "x-guidance"}
    | {"dependentRequired", "dependentSchemas", "$dynamicRef", "$recursiveRef", "$id", "$anchor"}
)
# A format is enforced where the library knows it, and a remark, as JSON Schema has it, elsewhere.
FORMATS = frozenset(
    {"date", "time", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "uri", "uuid"}
)
_ONE = ("items", "additionalProperties", "additionalItems")
_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_MAPS = ("properties", "patternProperties", "$defs", "definitions")
_NO_CONSTRAINT: dict[str, tuple[object, ...]] = {
    "uniqueItems": (False,),
    "minContains": (0,),
    "unevaluatedProperties": (True,),
    "unevaluatedItems": (True,),
}


def checked_schema(param: str, schema: Schema) -> Schema:
    """The schema without keywords that ask for nothing, after all keywords and sizes were checked.

    Raises BadParameter, with the path of the place below `param`, for the first that is not
    supported or too large.
    """
    try:
        size = len(json.dumps(schema))
    except RecursionError:
        raise BadParameter(param, f"{param} is nested too deeply") from None
    if size > MAX_CHARACTERS:
        raise BadParameter(param, f"{param} has {size} characters; {MAX_CHARACTERS} are possible")
    schema = cast("Schema", json.loads(json.dumps(schema)))
    schema.pop("$id", None)  # a name of the whole, which no reference here can use
    values = 0
    for count, (path, one) in enumerate(_schemas(param, schema), 1):
        values += len(cast("list[object]", one["enum"])) if _is_list(one.get("enum")) else 0
        _check(path, one)
        if count > MAX_SCHEMAS:
            raise BadParameter(param, f"{param} holds more than {MAX_SCHEMAS} schemas")
        if values > MAX_VALUES:
            raise BadParameter(path, f"{path}: more than {MAX_VALUES} values in all enums")
    if _meeting(schema, schema, {}) > MAX_MEETING:
        raise BadParameter(
            param, f"{param}: more than {MAX_MEETING} patterns or formats may meet in one text"
        )
    return schema


def rebased(schema: Schema, place: str) -> Schema:
    """A copy of a schema whose references hold where it stands at `place` (#/…) of another."""
    schema = cast("Schema", json.loads(json.dumps(schema)))
    for _, one in _schemas("", schema):
        if isinstance(target := one.get("$ref"), str) and target.startswith("#"):
            one["$ref"] = place + target[1:]
    return schema


def _check(path: str, schema: Schema) -> None:
    for name in list(schema):
        if name in _NO_CONSTRAINT and schema[name] in _NO_CONSTRAINT[name]:
            del schema[name]
        elif name in UNSUPPORTED:
            raise BadParameter(f"{path}.{name}", f"{path}.{name} is not supported")
    if schema.get("format") not in FORMATS:
        schema.pop("format", None)
    if isinstance(pattern := schema.get("pattern"), str) and len(pattern) > MAX_PATTERN:
        raise BadParameter(f"{path}.pattern", f"{path}.pattern has over {MAX_PATTERN} characters")
    for name in ("properties", "patternProperties"):
        held = schema.get(name)
        if isinstance(held, dict) and len(cast("Schema", held)) > MAX_PROPERTIES:
            raise BadParameter(f"{path}.{name}", f"{path}.{name}: more than {MAX_PROPERTIES}")
    target = schema.get("$ref")
    if target is not None and not (isinstance(target, str) and target.startswith("#")):
        raise BadParameter(
            f"{path}.$ref", f"{path}.$ref must name a place in this schema: #/$defs/…"
        )


def _schemas(path: str, schema: object) -> Iterator[tuple[str, Schema]]:
    """The schema and all in it with their paths, without those that are true or false."""
    if not isinstance(schema, dict):
        return
    held = cast("Schema", schema)
    yield path, held
    for name, inner in _inner(held):
        yield from _schemas(f"{path}.{name}", inner)


def _inner(schema: Schema) -> Iterator[tuple[str, object]]:
    for name in _ONE:
        if name in schema:
            yield name, schema[name]
    for name in _LISTS:
        if _is_list(held := schema.get(name)):
            for place, one in enumerate(cast("list[object]", held)):
                yield f"{name}[{place}]", one
    for name in _MAPS:
        if isinstance(held := schema.get(name), dict):
            for key, one in cast("Schema", held).items():
                yield f"{name}.{key[:60]}", one


def _meeting(schema: object, root: Schema, known: dict[int, int]) -> int:
    """At most how many patterns and formats may meet in one text of this schema."""
    if not isinstance(schema, dict):
        return 0
    held = cast("Schema", schema)
    if id(held) in known:
        return known[id(held)]
    known[id(held)] = 0  # while it is looked at: a schema that holds itself
    own = sum(name in held for name in ("pattern", "format"))
    own += any(name in held for name in ("minLength", "maxLength")) and own
    together = _meeting(_target(held.get("$ref"), root), root, known)
    apart = 0
    for name, inner in _inner(held):
        number = _meeting(inner, root, known)
        if name.startswith("allOf["):
            together += number
        else:
            apart = max(apart, number)
    known[id(held)] = own + together + apart
    return known[id(held)]


def _target(ref: object, root: Schema) -> object:
    if not isinstance(ref, str) or not ref.startswith("#/"):
        return root if ref == "#" else None
    place: object = root
    for part in ref[2:].split("/"):
        name = part.replace("~1", "/").replace("~0", "~")
        place = place.get(name) if isinstance(place, dict) else None
    return place


def _is_list(value: object) -> bool:
    return isinstance(value, list)
