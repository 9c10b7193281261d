"""Which schemas are taken, and with which words the others are refused."""

import pytest

from model.errors import BadParameter
from model.grammar import schema as checking
from model.grammar.schema import UNSUPPORTED, checked_schema, rebased
from model.grammar.wish import Schema

STRING: Schema = {"type": "string"}


def objects(*names: str, inner: object = STRING) -> dict[str, object]:
    return {"type": "object", "properties": dict.fromkeys(names, inner)}


@pytest.mark.parametrize("keyword", sorted(UNSUPPORTED))
@pytest.mark.parametrize(
    ("place", "path"),
    [
        (lambda bad: {"properties": {"a": {"items": bad}}}, "s.properties.a.items"),
        (lambda bad: {"anyOf": [True, {"additionalProperties": bad}]}, "s.anyOf[1].additionalPro"),
        (lambda bad: {"$defs": {"b": {"prefixItems": [bad]}}}, "s.$defs.b.prefixItems[0]"),
    ],
)
def test_an_unsupported_keyword_is_named_with_its_place(keyword, place, path):
    with pytest.raises(BadParameter, match="is not supported") as error:
        checked_schema("s", place({keyword: {"type": "string"}}))
    param = error.value.param or ""
    assert param.startswith(path)
    assert param.endswith(keyword)


def test_a_property_may_have_any_name():
    names = sorted(UNSUPPORTED)
    assert checked_schema("s", objects(*names)) == objects(*names)
    assert checked_schema("s", {"const": {"not": 1}, "default": {"if": 2}})


def test_what_asks_for_nothing_is_left_out():
    inner: Schema = {**STRING, "uniqueItems": False, "format": "password"}
    asked = objects("a", inner=inner)
    assert checked_schema("s", {"$id": "urn:x", **asked}) == objects("a")
    assert inner["format"] == "password", "the caller's own stays as it is"


def deep(levels: int) -> Schema:
    made: Schema = dict(STRING)
    for _ in range(levels):
        made = {"items": made}
    return made


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"description": "x" * 70_000}, "characters"),
        (objects(*map(str, range(201))), "more than 200"),
        ({"anyOf": [objects(*map(str, range(150))) for _ in range(15)]}, "2000 schemas"),
        ({"anyOf": [{"enum": list(range(1001))}, {"enum": list(range(1000))}]}, "2000 values"),
        ({"pattern": "a" * 513}, "over 512"),
        ({"$ref": "https://example.com/s"}, "a place in this schema"),
        ({"$ref": 3}, "a place in this schema"),
        (deep(5000), "nested too deeply"),
    ],
)
def test_what_is_too_large_is_refused(schema, words):
    with pytest.raises(BadParameter, match=words) as error:
        checked_schema("s", schema)
    assert len(str(error.value)) < 200


PATTERNS = [{"pattern": f"a{number}"} for number in range(checking.MAX_MEETING + 1)]


def chained(key: str) -> dict[str, object]:
    made: dict[str, object] = dict(PATTERNS[0])
    for pattern in PATTERNS[1:]:
        made = {**pattern, key: [made]}
    return made


@pytest.mark.parametrize(
    "schema",
    [
        {"allOf": PATTERNS},
        {"allOf": [{"allOf": PATTERNS[:4]}, {"anyOf": [{"allOf": PATTERNS[:4]}]}]},
        {"allOf": [{"properties": {"a": pattern}} for pattern in PATTERNS]},
        chained("anyOf"),
        chained("allOf"),
        {
            "$defs": {f"d{i}": {**p, "$ref": f"#/$defs/d{i + 1}"} for i, p in enumerate(PATTERNS)},
            "$ref": "#/$defs/d0",
        },
    ],
)
def test_patterns_that_may_meet_are_few(schema):
    with pytest.raises(BadParameter, match="may meet"):
        checked_schema("s", schema)


def test_patterns_that_never_meet_are_many():
    many = {str(number): {"type": "string", "format": "date"} for number in range(100)}
    assert checked_schema("s", {"type": "object", "properties": many})
    recursive = {"$defs": {"n": {"items": {"$ref": "#/$defs/n"}, "pattern": "a"}}, "$ref": "#"}
    assert checked_schema("s", recursive)


def test_a_schema_that_moves_takes_its_references_along():
    schema = {"$defs": {"a": {"$ref": "#"}}, "items": {"$ref": "#/$defs/a"}, "const": {"$ref": "#"}}
    assert rebased(schema, "#/$defs/f") == {
        "$defs": {"a": {"$ref": "#/$defs/f"}},
        "items": {"$ref": "#/$defs/f/$defs/a"},
        "const": {"$ref": "#"},
    }
