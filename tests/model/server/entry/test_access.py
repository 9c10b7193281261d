import asyncio

import pytest

KEY = {"worker_api_key": "secret"}
PAGE = "http://localhost:3000"


async def status(worker, path="/v1/models", method="GET", **headers: str) -> int:
    async with worker.session.request(method, path, headers=headers) as response:
        return response.status


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_the_scheme_is_known_in_any_case(start_worker, scheme):
    worker = await start_worker(settings=KEY)
    assert await status(worker, Authorization=f"{scheme} secret") == 200


@pytest.mark.parametrize("given", ["Basic secret", "secret", "Bearer Secret", "Bearer", ""])
async def test_only_the_key_itself_opens(start_worker, given):
    worker = await start_worker(settings=KEY)
    assert await status(worker, Authorization=given) == 401


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "localhost.evil.example", "192.168.1.9", "[", ""]
)
async def test_a_foreign_host_is_refused_without_a_key(start_worker, host):
    worker = await start_worker()
    for path in ("/health", "/v1/models", "/openapi.json", "/nothing"):
        async with worker.session.get(path, headers={"Host": host}) as response:
            assert response.status == 403
            assert (await response.json())["error"]["code"] == "foreign_host"


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:99", "a.localhost", "127.0.0.1:1", "127.9.9.9", "[::1]:80"]
)
async def test_this_machine_s_own_names_are_served(start_worker, host):
    worker = await start_worker()
    assert await status(worker, Host=host) == 200


async def test_more_names_are_a_setting_and_a_key_needs_none(start_worker):
    worker = await start_worker(settings={"worker_hosts": "worker.lan, other"})
    for host in ("Worker.LAN:8000", "other"):
        assert await status(worker, Host=host) == 200
    assert await status(worker, Host="third") == 403
    worker = await start_worker(settings=KEY)
    assert await status(worker, Host="evil.example", Authorization="Bearer secret") == 200


async def test_a_request_without_a_host_comes_from_no_browser(start_worker):
    worker = await start_worker()
    reader, writer = await asyncio.open_connection("127.0.0.1", int(worker.url.split(":")[-1]))
    writer.write(b"GET /health HTTP/1.0\r\n\r\n")
    async with asyncio.timeout(10):
        assert b" 200 " in await reader.readline()
    writer.close()


async def test_head_and_options_are_answered(start_worker):
    worker = await start_worker(settings=KEY)
    for path, methods in {
        "/v1/models": "GET, HEAD, OPTIONS",
        "/v1/chat/completions": "OPTIONS, POST",
    }.items():
        async with worker.session.options(path) as response:
            assert (response.status, response.headers["Allow"]) == (204, methods)
            assert "Access-Control-Allow-Origin" not in response.headers
    assert await status(worker, "/nothing", "OPTIONS") == 401
    assert await status(worker, "/health", "HEAD") == 200
    assert await status(worker, "/v1/models", "HEAD", Authorization="Bearer secret") == 200


async def test_pages_of_the_setting_may_call_from_a_browser(start_worker):
    worker = await start_worker(settings=KEY | {"worker_origins": f"{PAGE}/, http://other"})
    asked = {"Origin": PAGE, "Access-Control-Request-Headers": "authorization, x-stainless-os"}
    async with worker.session.options("/v1/chat/completions", headers=asked) as response:
        assert response.status == 204
        assert response.headers["Access-Control-Allow-Methods"] == "OPTIONS, POST"
        assert response.headers["Access-Control-Allow-Headers"].endswith("x-stainless-os")
    key = {"Authorization": "Bearer secret"}
    for stream in (False, True):
        body = {"model": "base", "messages": [{"role": "user", "content": "x"}], "stream": stream}
        post = worker.session.post
        async with post("/v1/chat/completions", json=body, headers=asked | key) as response:
            assert response.headers["Access-Control-Allow-Origin"] == PAGE
    async with worker.session.get("/v1/models", headers=asked) as response:
        assert (response.status, response.headers["Vary"]) == (401, "Origin")
        assert response.headers["Access-Control-Allow-Origin"] == PAGE
    async with worker.session.get("/health", headers={"Origin": "http://evil"}) as response:
        assert "Access-Control-Allow-Origin" not in response.headers
