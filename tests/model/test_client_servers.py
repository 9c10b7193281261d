"""What OpenAI-compatible servers of others do, one kind after the other."""

import json

import pytest
from aiohttp import web

from model.client import Done
from model.errors import (
    WorkerDied,
    WorkerRefused,
    WorkerUnavailable,
    WorkerUnusable,
)
from tests.fakes.plain_server import PLAIN, answer, choice, chunk, collect, raw, sse

END = choice({}, "stop")


@pytest.mark.parametrize(
    ("events", "text"),
    [
        ((choice({"content": None}), chunk("a"), END), "a"),
        ((choice(None), chunk("a"), END), "a"),
        (('{"id":"x","choices":null}', chunk("a"), '{"id":"x","choices":[]}', END), "a"),
        (("{}", chunk("a"), "5", '"ping"', END), "a"),
        ((chunk("a"), choice({"content": "b"}, usage=None), END), "ab"),
        ((choice({"content": "\ud83d"}), choice({"content": "\ude00!"}), END), "😀!"),
        ((choice({"content": "a\ud83d"}), END), "a\ufffd"),
        ((choice({"content": "\ude00"}), END), "\ufffd"),
        ((choice({"reasoning_content": "hm"}), chunk("a"), END), "<hm>a"),
        ((choice({"reasoning": "hm", "content": "a"}), END), "<hm>a"),
        ((choice({"content": [{"type": "text", "text": "a"}]}), END), "a"),
        (
            (
                choice({"content": [{"type": "thinking", "thinking": [{"text": "hm"}]}]}),
                chunk("a"),
                END,
            ),
            "<hm>a",
        ),
        ((choice({"refusal": "I won't."}), END), "I won't."),
        ((chunk("a"), "[DONE]"), "a"),
        ((chunk("a"), END), "a"),
    ],
)
async def test_what_a_stream_may_hold(serve, connect, events, text):
    assert (await collect(connect(await serve(chat=sse(*events)))))[0] == text


@pytest.mark.parametrize(
    "body",
    [
        f": ping\r\n\r\ndata: {chunk('a')}\r\n\r\ndata: {END}\r\n\r\ndata: [DONE]\r\n\r\n",
        f"data:\n\ndata: \n\nevent: ping\ndata:\n\ndata:{chunk('a')}\n\ndata:{END}\n\n",
        f"\n\n: OPENROUTER PROCESSING\n\ndata: {chunk('a')}\n\nretry: 5\n\ndata: {END}\n\n",
        f"data: {chunk('a')}\r\rdata: {END}\r\r",
    ],
)
async def test_line_ends_comments_and_blank_events(serve, connect, body):
    text, done = await collect(connect(await serve(chat=raw(body))))
    assert (text, done.finish_reason) == ("a", "stop")


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ("stop", "stop"), ("eos", "stop"), ("EOS_TOKEN", "stop"), ("end_turn", "stop"),
        ("length", "length"), ("MAX_TOKENS", "length"), ("content_filter", "content_filter"),
        ("tool_calls", "tool_calls"), ("never seen before", "never seen before"),
    ],
)  # fmt: skip
async def test_finish_reasons(serve, connect, told, kept):
    events = (chunk("a"), choice({}, told))
    assert (await collect(connect(await serve(chat=sse(*events)))))[1].finish_reason == kept


@pytest.mark.parametrize("reason", ["abort", "error", "cancelled"])
async def test_an_answer_that_the_server_gave_up_is_not_whole(serve, connect, reason):
    events = (chunk("a"), choice({}, reason), "[DONE]")
    with pytest.raises(WorkerDied, match=reason):
        await collect(connect(await serve(chat=sse(*events))))


async def test_an_answer_that_was_filtered_whole_is_refused(serve, connect):
    with pytest.raises(WorkerRefused) as refused:
        await collect(connect(await serve(chat=sse(choice({}, "content_filter"), "[DONE]"))))
    assert refused.value.code == "content_filter"


@pytest.mark.parametrize(
    ("usage", "counts"),
    [
        (None, (None, None)),
        ({}, (None, None)),
        ({"prompt_tokens": 3}, (3, None)),
        ({"prompt_tokens": 3, "completion_tokens": 0}, (3, 0)),
        ("many", (None, None)),
    ],
)
async def test_counts_that_are_not_told_are_unknown(serve, connect, usage, counts):
    events = (chunk("a"), choice({}, "stop", usage=usage))
    done = (await collect(connect(await serve(chat=sse(*events)))))[1]
    assert done == Done("stop", counts[0], counts[1], "m", None)


async def test_a_server_that_does_not_stream_is_read_as_well(serve, connect):
    body = {
        "model": "m", "usage": {"prompt_tokens": 1, "completion_tokens": 2},
        "choices": [{"message": {"content": "hello"}, "finish_reason": "stop"}],
    }  # fmt: skip
    url = await serve(chat=answer(200, json.dumps(body)))
    assert await collect(connect(url)) == ("hello", Done("stop", 1, 2, "m", None))


@pytest.mark.parametrize(
    ("events", "kind", "words"),
    [
        ((chunk("a"), '{"error": "out of memory"}'), WorkerDied, "out of memory"),
        ((chunk("a"), '{"error": {"text": 1}}'), WorkerDied, "does not say why"),
        (('{"object": "error", "message": "lost", "code": 500}',), WorkerDied, "lost"),
        (('{"error": {"message": "bad top_p", "code": 400}}',), WorkerRefused, "bad top_p"),
        ((chunk("a"), '{"error": {"message": "bad", "code": 400}}'), WorkerDied, "bad"),
        ((chunk("a"), '{"cho'), WorkerDied, "no OpenAI stream"),
    ],
)
async def test_an_error_inside_a_stream(serve, connect, events, kind, words):
    with pytest.raises(kind, match=words):
        await collect(connect(await serve(chat=sse(*events))))


async def test_what_is_lost_after_the_finish_reason_is_no_text(serve, connect):
    events = (chunk("a", '"stop"'), '{"error": "the counter broke"}')
    assert (await collect(connect(await serve(chat=sse(*events)))))[0] == "a"


@pytest.mark.parametrize("end", [(chunk("a", '"stop"'),), (chunk("a"), "[DONE]")])
async def test_a_connection_that_is_lost_after_the_whole_text_loses_nothing(serve, connect, end):
    async def chat(request: web.Request) -> web.StreamResponse:
        response = await sse(*end)(request)
        assert request.transport is not None
        request.transport.abort()
        return response

    text, done = await collect(connect(await serve(chat=chat)))
    assert (text, done.finish_reason) == ("a", "stop")


@pytest.mark.parametrize(
    ("handler", "kind", "words"),
    [
        (answer(400, '{"error": "just text"}'), WorkerRefused, r"^just text \(status 400\)$"),
        (answer(400, '{"detail": "no such thing"}'), WorkerRefused, "no such thing"),
        (
            answer(422, '{"detail": [{"loc": ["body", "n"], "msg": "too many"}]}'),
            WorkerRefused,
            "body.n: too many",
        ),
        (answer(400, '{"error": {"message": {"text": 1}}}'), WorkerRefused, "^status 400$"),
        (answer(400, '{"object": "error", "message": "odd"}'), WorkerRefused, "odd"),
        (answer(400, "[" * 50 + "]" * 50), WorkerRefused, "status 400"),
        (answer(400, "x" * 9000, "text/plain"), WorkerRefused, "x{300}… "),
        (answer(502, "bad\n\ngateway", "text/plain"), WorkerUnavailable, "bad gateway"),
        (
            answer(502, "<html><title>502 Bad Gateway</title><p>nginx", "text/html"),
            WorkerUnavailable,
            "a web page, '502 Bad Gateway'",
        ),
        (answer(504), WorkerUnavailable, "status 504"),
        (answer(501, '{"error": {"message": "no such tool"}}'), WorkerRefused, "no such tool"),
        (answer(401, '{"error": "Unauthorized"}'), WorkerUnusable, "WORKER_API_KEY: Unauthorized"),
        (answer(307, Location="https://there/v1"), WorkerUnusable, "https://there/v1"),
        (answer(200, "<html>", "text/html"), WorkerDied, "without a finish reason"),
    ],
)
async def test_an_error_in_every_shape_is_one_line(serve, connect, handler, kind, words):
    with pytest.raises(kind, match=words) as raised:
        await collect(connect(await serve(chat=handler)))
    assert len(str(raised.value)) < 400
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (400, {"message": "This model's maximum context length is 512 tokens. However, you …"}),
        (400, {"message": "the request exceeds …", "type": "exceed_context_size_error"}),
        (422, "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096"),
        (400, {"message": "The input (99 tokens) is longer than the model's context length (9)."}),
        (400, {"message": "prompt is too long: 210000 tokens > 200000 maximum"}),
        (400, {"message": "The input token count (9) exceeds the maximum number of tokens (8)."}),
        (400, {"message": "too big", "code": "context_length_exceeded"}),
        (413, "Payload Too Large"),
    ],
)
async def test_too_long_a_conversation_in_each_servers_words(serve, connect, status, said):
    url = await serve(chat=answer(status, json.dumps({"error": said})))
    with pytest.raises(WorkerRefused) as refused:
        await collect(connect(url))
    assert refused.value.code == "context_length_exceeded"


@pytest.mark.parametrize(
    ("headers", "least", "most"),
    [
        ({}, 2, 2),
        ({"Retry-After": "soon"}, 2, 2),
        ({"Retry-After": "7.5"}, 7.5, 7.5),
        ({"Retry-After": "Wed, 21 Oct 2099 07:28:00 GMT"}, 1e9, 1e11),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, 2, 2),
    ],
)
async def test_when_to_ask_a_busy_server_again(serve, connect, headers, least, most):
    with pytest.raises(WorkerRefused) as refused:
        await collect(connect(await serve(chat=answer(429, "", **headers))))
    assert least <= refused.value.retry_after <= most


@pytest.mark.parametrize("end", ["", "/", "/v1", "/v1/", "//", "/v1/chat/completions"])
async def test_the_address_in_every_spelling(serve, connect, end):
    url = await serve(chat=sse(chunk("a", '"stop"')), health=answer(200))
    assert (await collect(connect(url + end), PLAIN))[0] == "a"
    assert (await connect(url + end).health()).status == "ok"
