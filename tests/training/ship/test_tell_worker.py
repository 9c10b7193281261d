"""What promote says of the worker: told, not there, or not willing; it never fails over it."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from training.ship.tell_worker import LOOKS, WorkerAddress


class Asked(HTTPServer):
    """A server that answers with what a test sets, and keeps what it was asked."""

    status, body = 200, b"{}"

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.seen: list[tuple[str, str, str | None, object]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    def _answer(self) -> None:
        asked = self.server
        assert isinstance(asked, Asked)
        text = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = json.loads(text) if text else None
        asked.seen.append((self.command, self.path, self.headers["Authorization"], body))
        self.send_response(asked.status)
        self.send_header("Content-Length", str(len(asked.body)))
        self.end_headers()
        self.wfile.write(asked.body)

    do_POST = do_DELETE = _answer  # noqa: N815 - the names are http.server's

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        pass


@pytest.fixture
def worker() -> Iterator[Asked]:
    with Asked() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("suffix", ["", "/", "/v1", "/v1/"])
def test_the_worker_is_told_with_its_key(worker, suffix):
    line = WorkerAddress(worker.url + suffix, "secret").tell("tuned", "0123")
    assert line == f"the worker at {worker.url} answers with it from now on"
    body = {"name": "tuned", "path": "tuned/0123"}
    assert worker.seen == [("POST", "/v1/adapters", "Bearer secret", body)]


def test_going_back_to_the_settings_own_is_a_delete(worker):
    WorkerAddress(worker.url, "secret").tell("tuned", None)
    assert worker.seen == [("DELETE", "/v1/adapters/tuned", "Bearer secret", None)]


@pytest.mark.filterwarnings("error")
def test_a_proxy_is_not_asked_about_this_machine(worker, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    assert "answers with it" in WorkerAddress(worker.url).tell("tuned", "0123")
    assert worker.seen[0][2] is None


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (403, b'{"error": {"message": "set\\nWORKER_API_KEY"}}', "(set WORKER_API_KEY)"),
        (404, b"<html>", "(it says 404)"),
        (500, b"[]", "(it says 500)"),
        (503, b'{"error": "x"}', "(it says 503)"),
    ],
)
def test_a_worker_that_does_not_take_it_says_why(worker, status, body, words):
    worker.status, worker.body = status, body
    line = WorkerAddress(worker.url, "secret").tell("tuned", "0123")
    assert line.startswith(f"the worker at {worker.url} did not take it {words}; ")
    assert line.endswith(LOOKS)
    assert "\n" not in line


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "http://[", "ftp://x", "nothing"])
def test_a_worker_that_is_not_there_is_no_error(url):
    line = WorkerAddress(url, "secret").tell("tuned", "0123")
    assert line == f"no worker answers at {url}; {LOOKS}"


def test_without_address_and_key_nobody_is_asked():
    assert WorkerAddress().tell("tuned", "0123") == LOOKS


def test_the_key_does_not_show():
    assert "secret" not in repr(WorkerAddress("http://x", "secret"))
