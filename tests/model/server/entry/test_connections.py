import asyncio

import pytest

from model.scripted.engine import Outside
from model.server.entry import connections
from model.server.entry.connections import ConnectionLimits

BODY = b'{"model": "base", "messages": [{"role": "user", "content": "hi"}]}'
ASK = (
    b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(BODY), BODY)
)
HALF = b"GET /health HTTP/1.1\r\nHost: loc"
LIMIT_S = 10


@pytest.fixture
async def connect():
    writers = []

    async def connect(url: str, data: bytes):
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rsplit(":")[-1]))
        writers.append(writer)
        writer.write(data)
        return reader, writer

    yield connect
    for writer in writers:
        writer.close()


async def ends(reader: asyncio.StreamReader) -> bytes:
    """All that comes until the worker closes the connection, however it does."""
    came = b""
    try:
        async with asyncio.timeout(LIMIT_S):
            while more := await reader.read(4096):
                came += more
    except ConnectionError:
        pass
    return came


async def healthy(worker) -> None:
    async with worker.session.get("/health") as response:
        assert response.status == 200


async def test_headers_that_never_end_are_cut(start_worker, connect, monkeypatch):
    monkeypatch.setattr(connections, "HEADER_LIMIT_S", 0.1)
    worker = await start_worker()
    readers = [(await connect(worker.url, HALF))[0] for _ in range(190)]
    await healthy(worker)
    for reader in readers:
        assert await ends(reader) == b""


async def test_a_request_in_time_may_take_its_time(start_worker, connect, gate, until, monkeypatch):
    monkeypatch.setattr(connections, "HEADER_LIMIT_S", 0.05)
    worker = await start_worker(outside=Outside(sleep=gate.sleep), step_seconds=1)
    reader, _ = await connect(worker.url, ASK)
    await until(lambda: worker.service.answering == 1)
    await asyncio.sleep(0.1)  # longer than the limit for headers
    gate.open()
    async with asyncio.timeout(LIMIT_S):
        assert b" 200 " in await reader.readline()


async def test_the_longest_silent_connection_makes_room(start_worker, connect):
    worker = await start_worker(limits=ConnectionLimits(4))
    silent = [(await connect(worker.url, HALF))[0] for _ in range(6)]
    await healthy(worker)
    for reader in silent[:3]:
        assert await ends(reader) == b""
    await healthy(worker)


async def test_where_all_are_answered_a_new_one_is_cut(start_worker, connect, gate, until):
    worker = await start_worker(
        limits=ConnectionLimits(2), outside=Outside(sleep=gate.sleep), step_seconds=1
    )
    first = [await connect(worker.url, ASK) for _ in range(2)]
    await until(lambda: worker.service.answering == 2)
    third, _ = await connect(worker.url, ASK)
    assert await ends(third) == b""
    gate.open()
    for reader, _ in first:
        async with asyncio.timeout(LIMIT_S):
            assert b" 200 " in await reader.readline()


def test_the_limit_is_below_that_of_file_handles(monkeypatch):
    monkeypatch.setattr(connections.resource, "getrlimit", lambda _: (100, 100))
    assert ConnectionLimits(256).most == 36


@pytest.mark.parametrize("first", ["the request", "the end"])
async def test_a_half_closed_client_gets_its_answer(start_worker, connect, gate, until, first):
    worker = await start_worker(outside=Outside(sleep=gate.sleep), step_seconds=1)
    reader, writer = await connect(worker.url, ASK)
    if first == "the request":
        await until(lambda: worker.service.answering == 1)
    writer.write_eof()
    await until(lambda: worker.service.answering == 1)
    await asyncio.sleep(2.5 * connections.PROBE_S)  # it is asked whether it still listens
    gate.open()
    came = await ends(reader)
    assert came.startswith(b"HTTP/1.1 102 Processing\r\n\r\n")
    assert b"HTTP/1.1 200 OK" in came
    assert b'"content":"base: hi"' in came


async def test_a_half_closed_reader_of_a_stream_gets_all_of_it(start_worker, connect, gate, until):
    worker = await start_worker(outside=Outside(sleep=gate.sleep), step_seconds=1)
    body = BODY[:-1] + b', "stream": true}'
    head = ASK.replace(b": %d" % len(BODY), b": %d" % len(body))
    reader, writer = await connect(worker.url, head[: -len(BODY)] + body)
    async with asyncio.timeout(LIMIT_S):
        await reader.readuntil(b"assistant")
    writer.write_eof()
    async with asyncio.timeout(LIMIT_S):
        await reader.readuntil(b": still working\n\n\r\n")
    gate.open()
    assert (await ends(reader)).endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")


@pytest.mark.parametrize("data", [HALF, ASK[:-5], b""])
async def test_a_half_closed_client_without_a_whole_request_is_left(start_worker, connect, data):
    worker = await start_worker()
    reader, writer = await connect(worker.url, data)
    writer.write_eof()
    assert await ends(reader) == b""


async def test_a_client_that_is_gone_frees_the_engine(start_worker, connect, gate, until):
    worker = await start_worker(outside=Outside(sleep=gate.sleep), step_seconds=1)
    _, writer = await connect(worker.url, ASK)
    await until(lambda: worker.service.answering == 1)
    writer.close()
    await until(lambda: worker.service.answering == 0)
