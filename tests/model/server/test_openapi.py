"""What the worker says of itself, and that nothing sent to it is its own fault."""

import json
import re

import aiohttp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model.protocol.chat_request import ChatRequest
from model.protocol.completion_request import CompletionRequest
from model.server.entry.neutral import COMPLETION_FIELDS, REQUEST_FIELDS, TURN_FIELDS
from model.server.entry.openapi import describe_api

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.sampled_from(["", "base", "user", "auto", "\ud800", "\0", "text", "x" * 500]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "text", "role", "content", "1"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)
TURN = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant", "system", "developer"]) | VALUES},
    optional={
        name: VALUES | st.just("hi") for name in ("content", "name", *TURN_FIELDS) if name != "role"
    },
)
BODY = st.fixed_dictionaries(
    {"model": st.just("base") | VALUES, "messages": st.lists(TURN, max_size=3) | VALUES},
    optional={
        name: VALUES
        for name in (*ChatRequest.model_fields, *REQUEST_FIELDS, "prompt", "unknown")
        if name not in {"model", "messages"}
    },
)
COMPLETION = st.fixed_dictionaries(
    {
        "model": st.just("base") | VALUES,
        "prompt": VALUES
        | st.lists(st.integers(0, 300), max_size=9)
        | st.lists(st.text(), max_size=9),
    },
    optional={
        name: VALUES | st.integers(0, 6)
        for name in (*CompletionRequest.model_fields, *COMPLETION_FIELDS, "messages")
        if name not in {"model", "prompt"}
    },
)
PATHS = [path.replace("{name}", "tuned") for path in describe_api()["paths"]]
CALLS = st.tuples(
    st.sampled_from(["GET", "POST", "DELETE", "PUT", "HEAD", "OPTIONS", "BREW"]),
    st.sampled_from([*PATHS, "/v1/models/%2F..%2F", "/v1/adapters/%00", "/%ff", "//", "/v1/"]),
    (BODY | COMPLETION).map(lambda body: json.dumps(body).encode()) | st.binary(max_size=30),
    st.fixed_dictionaries(
        {"Content-Type": st.sampled_from(["application/json"] * 4 + ["text/plain", "", "a/b/c;"])},
        optional={
            "Content-Encoding": st.sampled_from(["gzip", "br", "identity", "x"]),
            "Accept": st.sampled_from(["", "text/html"]),
            "Expect": st.sampled_from(["100-continue", "tea"]),
            "Origin": st.just("null"),
        },
    ),
)
RELAXED = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]


async def test_the_description_names_every_address(start_worker):
    worker = await start_worker()
    async with worker.session.get("/openapi.json") as response:
        described = await response.json()
    assert described["openapi"].startswith("3.1")
    app = {path for path in described["paths"] if path != "/metrics"}
    assert {"/v1/chat/completions", "/v1/models/{name}", "/v1/adapters", "/openapi.json"} <= app
    assert "/v1/completions" in app
    for path, methods in described["paths"].items():
        for method in methods:
            async with worker.session.request(method, path.format(name="none")) as response:
                assert response.status != 405, (method, path)
    schemas = described["components"]["schemas"]
    for used in re.findall(r'"#/components/schemas/(\w+)"', json.dumps(described)):
        assert used in schemas
    assert set(REQUEST_FIELDS) <= set(schemas["ChatRequest"]["properties"])
    assert set(COMPLETION_FIELDS) <= set(schemas["CompletionRequest"]["properties"])


@settings(max_examples=8, deadline=None, suppress_health_check=RELAXED)
@given(calls=st.lists(CALLS, min_size=5, max_size=15))
async def test_nothing_that_is_sent_is_the_worker_s_own_fault(start_worker, calls):
    worker = await start_worker(settings={"worker_api_key": "k", "worker_origins": "null"})
    key = {"Authorization": "Bearer k"}
    for method, path, body, headers in calls:
        try:
            async with worker.session.request(
                method, worker.url + path, data=body, headers=headers | key
            ) as response:
                assert response.status < 500, (method, path, body, headers, await response.text())
        except aiohttp.ClientResponseError as error:
            assert error.status < 500  # noqa: PT017 - aiohttp's own refusal of a HEAD comes with a body
        except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError):
            pass  # the server may close on what it has not read
    async with await worker.session.get("/health") as response:
        assert response.status == 200
