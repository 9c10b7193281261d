"""Which texts a schema's grammar takes, beside what jsonschema says of them."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.errors import BadParameter, ConstraintFailed
from model.grammar import compiler as compiling
from model.grammar.compiler import GrammarCompiler
from model.grammar.wish import GrammarWish, Schema
from tests.fakes.grammar_walk import END, TOKENS, allowed_ids, compiler_of_bytes, make, takes

S: Schema = {"type": "string"}
I: Schema = {"type": "integer"}  # noqa: E741 - as short as the table needs


@pytest.fixture(scope="module")
def compiler() -> GrammarCompiler:
    return compiler_of_bytes()


def closed(**properties: object) -> dict[str, object]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


NODE = closed(v=I, kids={"type": "array", "items": {"$ref": "#/$defs/n"}})
# A schema, texts that satisfy it, and texts that do not.
CASES = [
    ({"type": ["string", "integer", "null"]}, ['"a"', "3", "null"], ["1.5", "true", "[]"]),
    ({"type": "number"}, ["-0.5", "1e3", "12"], ["01", ".5", '"1"']),
    (closed(a=S, b=I), ['{"a": "x", "b": 1}', '{"a":"x","b":1}'], ['{"b": 1}', '{"a": 1}']),
    ({**closed(a=S, b=I), "required": ["a"]}, ['{"a": "x"}'], ['{"a": "x", "c": 1}']),
    ({"type": "object", "properties": {"a": S}}, ['{"zz": [1]}', '{"a": "b"}'], ['{"a": 1}']),
    ({"type": "object", "additionalProperties": I}, ['{"q": 4}', "{}"], ['{"q": "4"}']),
    ({"type": "object", "patternProperties": {"^n_": I}}, ['{"n_a": 1}'], ['{"n_a": "x"}']),
    ({"type": "object", "additionalProperties": I, "minProperties": 1}, ['{"a": 1}'], ["{}"]),
    ({"type": "array", "items": I, "minItems": 2, "maxItems": 3}, ["[1, 2]"], ["[1]", "[1,2,3,4]"]),
    ({"prefixItems": [I, S], "type": "array", "items": False}, ['[1, "a"]'], ['["a", 1]']),
    ({"enum": ["a", 2, None, {"x": 1}]}, ['"a"', "2", "null", '{"x": 1}'], ['"b"', "3"]),
    ({"const": "é日😀"}, ['"é日😀"'], ['"e"']),
    ({"type": "string", "minLength": 2, "maxLength": 3}, ['"ab"', '"日本"'], ['"a"', '"abcd"']),
    ({"type": "string", "pattern": "^[a-c]{2}-\\d+$"}, ['"ab-12"'], ['"xb-12"', '"ab-"']),
    ({"type": "string", "pattern": "foo"}, ['"a foo b"'], ['"bar"']),
    ({"type": "string", "pattern": "^a+$", "maxLength": 2}, ['"aa"'], ['"aaa"']),
    ({"type": "string", "format": "date"}, ['"2024-02-03"'], ['"x"', '"2024-2-3"']),
    ({"type": "string", "format": "email"}, ['"a@b.cd"'], ['"x"']),
    ({"type": "string", "format": "no such"}, ['"x"'], ["1"]),
    ({"type": "integer", "minimum": 3, "maximum": 120}, ["3", "77", "120"], ["2", "121", "-5"]),
    ({"type": "integer", "exclusiveMinimum": 3, "exclusiveMaximum": 6}, ["4", "5"], ["3", "6"]),
    ({"type": "number", "minimum": 0.5, "maximum": 2}, ["0.5", "1.75"], ["0.4", "2.5"]),
    ({"type": "integer", "multipleOf": 5}, ["10", "25"], ["11"]),
    ({"anyOf": [S, I]}, ['"a"', "1"], ["null"]),
    ({"oneOf": [S, I]}, ['"a"', "1"], ["null"]),
    ({"allOf": [{"minimum": 2}, {"type": "integer", "maximum": 4}]}, ["3"], ["1", "5"]),
    ({"$defs": {"x": I}, "$ref": "#/$defs/x", "maximum": 3}, ["2"], ["5"]),
    ({"$defs": {"n": NODE}, "$ref": "#/$defs/n"}, ['{"v": 1, "kids": []}'], ['{"v": 1}']),
    ({"type": "object", "properties": {"a": False}}, ["{}"], ['{"a": 1}']),
    ({"type": "array", "items": I, "uniqueItems": False}, ["[1, 1]"], ['["a"]']),
    ({"$id": "urn:a", "title": "t", "x-mine": 1, **I}, ["1"], ['"a"']),
]


@pytest.mark.parametrize(("schema", "good", "bad"), CASES, ids=[json.dumps(c[0]) for c in CASES])
def test_a_grammar_takes_what_satisfies_its_schema(compiler, schema, good, bad):
    checker = jsonschema.FormatChecker()
    oracle = jsonschema.Draft202012Validator(schema, format_checker=checker)
    for text in good:
        assert oracle.is_valid(json.loads(text))
        assert takes(compiler, schema, text), text
    for text in bad:
        assert _is_json(text) is False or not oracle.is_valid(json.loads(text))
        assert not takes(compiler, schema, text), text


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def test_blanks_are_bounded_or_fixed(compiler):
    spread = '{\n  "a": 1,\n  "b": [\n    2\n  ]\n}'
    schema = closed(a=I, b={"type": "array", "items": I})
    assert takes(compiler, schema, spread)
    assert not takes(compiler, schema, '{"a": ' + " " * 40 + '1, "b": []}')
    assert takes(compiler, schema, '{"a": 1, "b": [2, 3]}', fixed=True)
    assert not takes(compiler, schema, '{"a":1,"b":[2,3]}', fixed=True)
    assert not takes(compiler, schema, spread, fixed=True)


def test_control_tokens_and_the_end_stand_in_no_text(compiler):
    (constraint,) = compiler.begin(GrammarWish("schema", S), 1)
    assert all(TOKENS[id_].startswith(b'"') for id_ in allowed_ids(constraint))
    constraint.advance(ord('"'))
    inside = allowed_ids(constraint)
    assert END not in inside
    assert all(TOKENS[id_] for id_ in inside)
    constraint.advance(ord('"'))
    assert allowed_ids(constraint) == [END]
    with pytest.raises(ConstraintFailed, match="cannot follow"):
        constraint.advance(ord("a"))
    with pytest.raises(ConstraintFailed):
        constraint.allowed()


def test_each_row_follows_its_own_answer(compiler):
    first, second = compiler.begin(GrammarWish("schema", closed(a=I)), 2)
    first.advance(ord("{"))
    assert allowed_ids(first) != allowed_ids(second)
    assert allowed_ids(second) == [
        id_ for id_, token in enumerate(TOKENS) if token in (b"{", b'{"')
    ]


REFUSED = [
    ({"type": "strng"}, "Invalid type"),
    ({"type": "integer", "minimum": 5, "maximum": 3}, "minimum"),
    ({"$ref": "#"}, "nothing satisfies"),
    ({"$defs": {"a": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"}, "nothing satisfies"),
    ({"$ref": "#/$defs/none"}, "schema"),
    ({"enum": []}, "schema"),
    ({"type": "string", "pattern": "(?=a)"}, "look-around"),
    ({"type": "string", "pattern": "(a"}, "regex"),
    ({"properties": 3}, "properties"),
    ({"minimum": 10**400, "type": "number"}, "schema"),
    ({"oneOf": [{"type": "integer", "minimum": 0}, {"type": "integer"}]}, "oneOf"),
]


@pytest.mark.parametrize(("schema", "words"), REFUSED)
def test_what_is_not_supported_is_refused_in_a_line(compiler, schema, words):
    with pytest.raises(BadParameter, match=words) as error:
        compiler.begin(GrammarWish("schema", schema), 1)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 300


def test_the_last_grammars_are_kept_and_no_more(monkeypatch):
    made: list[tuple[str, Schema]] = []
    checked = compiling.checked_schema
    monkeypatch.setattr(compiling, "KEPT", 2)
    monkeypatch.setattr(
        compiling, "checked_schema", lambda *told: (made.append(told), checked(*told))[1]
    )
    kept = compiler_of_bytes()
    for number in (1, 2, 1, 3, 1, 2):
        kept.begin(GrammarWish("schema", {"const": number}), 1)
    assert [schema["const"] for _, schema in made] == [1, 2, 3, 2]


def test_many_threads_get_the_grammars_that_they_ask_for(compiler):
    def walk(number: int) -> bool:
        return takes(compiler, {"const": number % 7}, str(number % 7))

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(walk, range(64)))


@pytest.mark.parametrize(("tokens", "ends"), [(None, [END]), (TOKENS, []), (TOKENS, [END + 9])])
def test_without_known_tokens_or_an_end_there_is_no_grammar(tokens, ends):
    with pytest.raises(BadParameter, match="not supported with this model"):
        GrammarCompiler(lambda: tokens, ends).begin(GrammarWish("response_format", S), 1)


def nested(inner: st.SearchStrategy[dict[str, object]]) -> st.SearchStrategy[dict[str, object]]:
    names = st.lists(st.text('ab"\\é0 ', min_size=1, max_size=4), unique=True, max_size=3)
    objects = st.builds(
        lambda names, kinds, needed, more: {
            "type": "object",
            "properties": dict(zip(names, kinds, strict=False)),
            "required": names[:needed],
            "additionalProperties": more,
        },
        names,
        st.lists(inner, min_size=3, max_size=3),
        st.integers(0, 3),
        st.one_of(st.just(value=False), inner),
    )
    arrays = st.builds(
        lambda items, least, more: {
            "type": "array", "items": items, "minItems": least, "maxItems": least + more
        },
        inner,
        st.integers(0, 2),
        st.integers(0, 2),
    )  # fmt: skip
    return st.one_of(objects, arrays, st.builds(lambda a, b: {"anyOf": [a, b]}, inner, inner))


LEAVES = st.one_of(
    st.sampled_from([{"type": kind} for kind in ("null", "boolean", "integer", "number")]),
    st.builds(
        lambda least, more: {"type": "string", "minLength": least, "maxLength": least + more},
        st.integers(0, 4),
        st.integers(0, 4),
    ),
    st.builds(lambda values: {"enum": values}, st.lists(st.text(max_size=5), min_size=1)),
    st.builds(
        lambda least, more: {"type": "integer", "minimum": least, "maximum": least + more},
        st.integers(-200, 200),
        st.integers(0, 300),
    ),
    st.sampled_from(
        [{"type": "string", "pattern": "^[a-f]{2,3}$"}, {"type": "string", "format": "date"}]
    ),
)


@settings(max_examples=60, deadline=None)
@given(schema=st.recursive(LEAVES, nested, max_leaves=6), seed=st.integers(0, 99))
def test_whatever_ends_by_itself_satisfies_its_schema(schema, seed):
    (constraint,) = WALKED.begin(GrammarWish("schema", schema), 1)
    text = make(constraint, seed, most=300)
    if text is not None:
        jsonschema.validate(json.loads(text), schema, jsonschema.Draft202012Validator)


WALKED = compiler_of_bytes()
HOSTILE = {
    "a pattern that backtracks": {"type": "string", "pattern": "^(a+)+$"},
    "counted repetitions": {"type": "string", "pattern": "^(((a{1,200}){1,200}){1,200}){1,200}$"},
    "a large automaton": {"type": "string", "pattern": "^.*a.{400}$"},
    "many alternatives": {"type": "string", "pattern": "|".join(f"(.*{i}.*)" for i in range(60))},
    "a long string": {"type": "string", "maxLength": 10**9},
    "a long list": {"type": "array", "items": I, "minItems": 10**6},
    "a large divisor": {"type": "integer", "multipleOf": 1_000_000_007},
    "many choices": {"enum": [f"value number {i}" for i in range(2000)]},
    "many properties": {"type": "object", "properties": {f"p{i}": S for i in range(200)}},
    "many objects": {"anyOf": [closed(**{f"a{i}": I, "b": S}) for i in range(300)]},
    "references that double": {
        "$defs": {"d0": S}
        | {
            f"d{i}": closed(l={"$ref": f"#/$defs/d{i - 1}"}, r={"$ref": f"#/$defs/d{i - 1}"})
            for i in range(1, 40)
        },
        "$ref": "#/$defs/d39",
    },
    "patterns that meet": {"allOf": [{**S, "pattern": f"a{i}.*b"} for i in range(6)]},
    "unions that meet": {
        "allOf": [{"anyOf": [closed(**{f"p{j}{i}": I}) for i in range(6)]} for j in range(6)]
    },
}


@pytest.mark.parametrize("schema", HOSTILE.values(), ids=HOSTILE)
def test_no_schema_costs_much(schema):
    """Refused, or made and followed: in seconds of this thread's work, not minutes."""
    began = time.thread_time()
    try:
        (constraint,) = WALKED.begin(GrammarWish("schema", schema), 1)
    except BadParameter:
        pass
    else:
        with suppress(ConstraintFailed):
            make(constraint, 1, most=40)
    assert time.thread_time() - began < 4
