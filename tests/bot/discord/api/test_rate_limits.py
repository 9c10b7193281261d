import aiohttp
import pytest
from aiohttp import web

from bot.discord.api.rate_limits import (
    RestResponse,
    channel_bucket,
    listening,
    read,
    webhook_bucket,
)

HEADERS = {"X-RateLimit-Remaining": "3", "X-RateLimit-Reset-After": "2.5"}


def test_the_figures_of_an_edit():
    found = read("PATCH", "/api/v10/channels/12/messages/34", 200, HEADERS)
    assert (found.remaining, found.reset_after_s, found.retry_after_s) == (3, 2.5, None)
    assert found.edited == channel_bucket(12)


def test_an_edit_under_a_token():
    found = read("PATCH", "/api/v10/webhooks/5/tok-en_x/messages/@original", 200, {})
    assert found.edited == webhook_bucket(5, "tok-en_x")
    assert (found.remaining, found.reset_after_s) == (None, None)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/v10/channels/12/messages"),
        ("PATCH", "/api/v10/channels/12"),
        ("DELETE", "/api/v10/channels/12/messages/34"),
    ],
)
def test_other_calls_are_no_edits(method: str, path: str):
    assert read(method, path, 200, HEADERS).edited is None


def test_a_429_tells_when_to_come_back():
    path = "/channels/1/messages/2"
    assert read("PATCH", path, 429, {"Retry-After": "1.5"}).retry_after_s == 1.5
    assert read("PATCH", path, 429, {"Retry-After": "soon"}).retry_after_s is None
    assert read("PATCH", path, 200, {"Retry-After": "1.5"}).retry_after_s is None


async def test_every_answer_is_heard_of():
    heard: list[RestResponse] = []

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(status=429, headers={**HEADERS, "Retry-After": "7"})

    app = web.Application()
    app.router.add_patch("/channels/1/messages/2", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/channels/1/messages/2"
        trace = listening(heard.append)
        async with (
            aiohttp.ClientSession(trace_configs=[trace]) as session,
            session.patch(url) as response,
        ):
            await response.read()
    finally:
        await runner.cleanup()
    assert heard == [RestResponse("PATCH", "/channels/1/messages/2", 429, 3, 2.5, 7.0)]
