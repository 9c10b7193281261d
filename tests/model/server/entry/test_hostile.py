import asyncio
import gzip
import io
import json
import subprocess
import sys
import time
import zlib
from pathlib import Path

import pytest

from model.errors import BadParameter
from model.server.app import MAX_BODY_BYTES
from model.server.entry.requests import parse_chat

ROOT = Path(__file__).parents[4]
CHAT = "/v1/chat/completions"
JSON = {"Content-Type": "application/json"}
SHORT = b'{"model": "base", "messages": [{"role": "user", "content": "hi"}]}'
SHORT_GZIP = gzip.compress(SHORT, mtime=0)  # its bytes are names of tests
HI = [{"role": "user", "content": "hi"}]
HEAD = b'{"model":"base","messages":['


def filled(piece: bytes, head: bytes = HEAD, tail: bytes = b"]}") -> bytes:
    """A body of the largest size that is allowed, of this piece again and again."""
    count = (MAX_BODY_BYTES - len(head) - len(tail)) // (len(piece) + 1)
    return head + b",".join([piece] * count) + tail


WORST = {
    "numbers": filled(b"1"),
    "objects": filled(b"{}"),
    "turns": filled(b'{"role":"user","content":""}'),
    "wrong turns": filled(b'{"role":5,"content":5}'),
    "parts": filled(b'{"type":"text","text":""}', HEAD + b'{"role":"user","content":[', b"]}]}"),
    "wrong parts": filled(b"0", HEAD + b'{"role":"user","content":[', b"]}]}"),
    "stops": filled(b"0", SHORT[:-1] + b',"stop":[', b"]}"),
    "keys": SHORT[:-1]
    + b"".join(b',"%x":0' % number for number in range(1 << 20, (1 << 20) + 349_000))
    + b"}",
    "keys of a turn": HEAD
    + b'{"role":"user","content":""'
    + b"".join(b',"%x":0' % number for number in range(1 << 20, (1 << 20) + 349_000))
    + b"}]}",
    "surrogates": filled(rb'"\ud800"'),
}


def refusal(body: bytes) -> str:
    """What the sender is told; the body stays out of what a failing test prints."""
    try:
        parse_chat(body)
    except BadParameter as error:
        return str(error)
    return "x" * 1000  # taken: too long for any test


@pytest.mark.parametrize("name", WORST)
def test_a_body_of_mistakes_costs_no_more_than_its_first(name):
    body = WORST[name]
    size = len(body)
    assert MAX_BODY_BYTES * 0.9 < size <= MAX_BODY_BYTES
    began = time.process_time()
    said = refusal(body)
    assert time.process_time() - began < 3, "all mistakes were collected"
    assert len(said) < 1000


def test_a_text_may_have_any_number_of_commas():
    text = '[{,\\"' * 150_000
    said = parse_chat(SHORT.replace(b"hi", text.encode())).turns[0].content
    size = len(said)
    assert size == 4 * 150_000


MEMORY = """
import resource, sys
from model.server.app import MAX_BODY_BYTES
from model.server.entry.requests import parse_chat
body = sys.stdin.buffer.read()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    parse_chat(body)
except Exception:
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.parametrize("name", ["objects", "parts"])
def test_memory_stays_small_while_the_worst_body_is_read(name):
    program = [sys.executable, "-c", MEMORY]
    done = subprocess.run(program, input=WORST[name], capture_output=True, check=True, cwd=ROOT)
    assert int(done.stdout) < 200, "MiB"


async def test_health_answers_while_the_worst_bodies_are_read(start_worker):
    """Counted in this process' own time, against what the least possible reading takes."""
    worker = await start_worker()
    post = worker.session.post
    bodies = [WORST["wrong turns"], WORST["turns"], WORST["parts"]]
    began = time.process_time()
    for body in bodies:
        json.loads(body)
    reading_s = time.process_time() - began
    reading = [
        asyncio.create_task(post(CHAT, data=io.BytesIO(body), headers=JSON)) for body in bodies
    ]
    slowest = busiest = 0.0
    while not all(task.done() for task in reading):
        began, own = time.process_time(), time.thread_time()
        async with worker.session.get("/health") as response:
            assert response.status == 200
        slowest = max(slowest, time.process_time() - began)
        busiest = max(busiest, time.thread_time() - own)
    for task in reading:
        async with task.result() as response:
            assert response.status == 400
    assert slowest < 2 * reading_s
    assert busiest < reading_s / 4, "none of them is read on the event loop"


BROKEN = {
    "gzip": [b"nonsense", SHORT_GZIP[:-12], SHORT_GZIP[:5]],
    "deflate": [b"nonsense", zlib.compress(SHORT)[:-6]],
    "br": [b"nonsense"],
    "zstd": [b"nonsense"],
    "unheard-of": [b"nonsense"],
}


@pytest.mark.parametrize(
    ("encoding", "body"), [(name, body) for name, bodies in BROKEN.items() for body in bodies]
)
async def test_a_body_that_is_not_encoded_as_it_says_is_refused(start_worker, encoding, body):
    worker = await start_worker()
    headers = JSON | {"Content-Encoding": encoding}
    async with worker.session.post(CHAT, data=io.BytesIO(body), headers=headers) as response:
        assert 400 <= response.status < 500


async def test_a_compressed_body_is_read_up_to_the_limit(start_worker):
    worker = await start_worker()
    headers = JSON | {"Content-Encoding": "gzip"}
    async with worker.session.post(CHAT, data=gzip.compress(SHORT), headers=headers) as response:
        assert response.status == 200
    bomb = gzip.compress(b" " * (64 * 1024 * 1024))
    async with worker.session.post(CHAT, data=io.BytesIO(bomb), headers=headers) as response:
        assert response.status == 413


@pytest.mark.parametrize("chunk", [b"zz\r\n", b"5\r\nab", b"2\r\n{}zz"])
async def test_broken_chunks_are_the_sender_s_fault(start_worker, chunk):
    worker = await start_worker()
    reader, writer = await asyncio.open_connection("127.0.0.1", int(worker.url.split(":")[-1]))
    head = f"POST {CHAT} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    writer.write(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode() + chunk)
    writer.write_eof()
    async with asyncio.timeout(10):
        line = await reader.readline()
    writer.close()
    assert not line or b" 4" in line


LONG = [
    {"model": "m" * 4_000_000},
    {"messages": [{"role": "r" * 4_000_000, "content": ""}]},
    {"messages": [{"role": "user", "content": [{"type": "t" * 4_000_000}]}]},
    {"k" * 4_000_000: 1},
    {"tool_choice": "c" * 4_000_000},
    {"response_format": {"type": "f" * 4_000_000}},
]


@pytest.mark.parametrize("number", range(len(LONG)))
async def test_long_values_are_not_sent_back_whole(start_worker, number):
    worker = await start_worker()
    body = io.BytesIO(json.dumps({"model": "base", "messages": HI} | LONG[number]).encode())
    async with worker.session.post(CHAT, data=body, headers=JSON) as response:
        assert 400 <= response.status < 500
        assert len(await response.read()) < 2000


async def test_a_prompt_of_too_many_characters_is_refused_without_encoding(start_worker):
    worker = await start_worker()
    text = "x" * (4096 * 64 + 1)
    body = io.BytesIO(SHORT.replace(b"hi", text.encode()))
    async with worker.session.post(CHAT, data=body, headers=JSON) as response:
        error = (await response.json())["error"]
    assert (response.status, error["code"]) == (400, "context_length_exceeded")
    assert "characters" in error["message"]


async def test_a_short_prompt_waits_for_no_long_ones(start_worker):
    worker = await start_worker()
    long = json.dumps(
        {"model": "base", "messages": [{"role": "user", "content": "words " * 690_000}]}
    ).encode()
    sent = asyncio.Semaphore(0)

    async def body():
        yield long
        sent.release()

    post = worker.session.post
    send = [asyncio.ensure_future(post(CHAT, data=body(), headers=JSON)) for _ in range(6)]
    for _ in send:
        await sent.acquire()
    began = time.process_time()  # what the machine does besides does not count
    async with await worker.chat() as response:
        assert response.status == 200
    assert time.process_time() - began < 1
    assert not all(task.done() for task in send)
    for task in send:
        async with await task as response:
            assert response.status == 400
