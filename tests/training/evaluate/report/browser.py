"""A report in headless Chromium: what it asks the network for, what it complains of, its picture.

`python -m tests.training.evaluate.report.browser [FOLDER]` makes `report.png` of the newest
report under var/reports, or of the folder's.
"""

import argparse
import asyncio
import base64
import itertools
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
LIMIT_S = 60.0
OPTIONS = (
    "--headless=new",
    "--no-sandbox",  # containers give root no user namespace
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--no-first-run",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
)
WIDTH = 1200


@dataclass
class Seen:
    """What a page did while it loaded."""

    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    sections: list[str] = field(default_factory=list)
    title: str = ""
    overflows: bool = False
    picture: bytes = b""


def find_chromium() -> str | None:
    return next((path for name in NAMES if (path := shutil.which(name))), None)


async def visit(page: Path, *, dark: bool = False, width: int = WIDTH) -> Seen:
    """Open a page file and look at all of it."""
    url = page.resolve().as_uri()  # noqa: ASYNC240 - asks no disk that matters
    async with asyncio.timeout(LIMIT_S), _browser() as port, aiohttp.ClientSession() as http:
        async with http.put(f"http://127.0.0.1:{port}/json/new?about:blank") as answer:
            target = await answer.json()
        async with http.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=0) as socket:
            return await _look(_Tab(socket), url, dark=dark, width=width)


async def _look(tab: "_Tab", url: str, *, dark: bool, width: int) -> Seen:
    for domain in ("Page", "Network", "Runtime", "Log"):
        await tab.call(f"{domain}.enable")
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    await tab.call("Emulation.setEmulatedMedia", features=[scheme])
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    await tab.call("Emulation.setDeviceMetricsOverride", **size)
    await tab.call("Page.navigate", url=url)
    await tab.event("Page.loadEventFired")
    seen = Seen()
    ids = "[...document.querySelectorAll('header[id], section[id]')].map(e => e.id)"
    seen.sections = await tab.value(ids)
    seen.title = await tab.value("document.title")
    seen.overflows = await tab.value("document.documentElement.scrollWidth > innerWidth")
    found = await tab.call(
        "Page.captureScreenshot", captureBeyondViewport=True, clip=await _all(tab)
    )
    seen.picture = base64.b64decode(found["data"])
    for method, params in tab.events:
        if method == "Network.requestWillBeSent":
            seen.requests.append(params["request"]["url"])
        elif method in {"Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"}:
            seen.complaints.append(str(params))
    return seen


async def _all(tab: "_Tab") -> dict[str, float]:
    size = (await tab.call("Page.getLayoutMetrics"))["cssContentSize"]
    return {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}


class _Tab:
    """Chromium's debugging protocol over one socket."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.events: list[tuple[str, dict]] = []
        self._socket = socket
        self._numbers = itertools.count(1)

    async def call(self, method: str, **params: object) -> dict:
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": params})
        while True:
            message = await self._socket.receive_json()
            if message.get("id") == number:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']}")
                return message["result"]
            self.events.append((message["method"], message["params"]))

    async def event(self, method: str) -> None:
        while all(method != name for name, _ in self.events):
            message = await self._socket.receive_json()
            self.events.append((message["method"], message["params"]))

    async def value(self, expression: str):
        found = await self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        return found["result"]["value"]


@asynccontextmanager
async def _browser() -> AsyncIterator[int]:
    """A running browser's debugging port; it is gone afterwards, with its profile."""
    program = find_chromium()
    if program is None:
        raise FileNotFoundError(f"no Chromium here: install one of {', '.join(NAMES)}")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = await asyncio.create_subprocess_exec(
            program, *OPTIONS, f"--user-data-dir={profile}", "about:blank",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        drain = None
        try:
            assert process.stderr is not None
            while b"DevTools listening on" not in (line := await process.stderr.readline()):
                if not line:
                    raise RuntimeError(f"{program} ended at once")
            drain = asyncio.create_task(process.stderr.read())
            yield int(line.decode().split(":")[-1].split("/")[0])
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
            if drain is not None:
                await drain


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--dark", action="store_true")
    options = parser.parse_args()
    folder = options.folder or max(
        (path.parent for path in Path("var/reports").glob("*/report.html")),
        key=lambda path: (path / "report.html").stat().st_mtime,
        default=None,
    )
    if folder is None or not (folder / "report.html").is_file():
        sys.exit(
            f"no report in {folder or 'var/reports'}: make one with `python -m training evaluate`"
        )
    try:
        seen = asyncio.run(visit(folder / "report.html", dark=options.dark))
    except FileNotFoundError as error:
        sys.exit(str(error))
    (folder / "report.png").write_bytes(seen.picture)
    print(f"wrote {folder / 'report.png'}")
    if seen.complaints:
        sys.exit("\n".join(seen.complaints))


if __name__ == "__main__":
    main()
