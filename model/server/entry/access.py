"""Who may call the worker: by its key, by the host's name, and from which web pages."""

import hmac
import ipaddress
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from pydantic import SecretStr

from model.errors import ForeignHost, Unauthorized

_OPEN_PATHS = frozenset({"/health"})
_NO_CONTENT = 204
_CACHED_S = "600"


def is_loopback(host: str) -> bool:
    """Whether this name or address always means the machine itself."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_key(key: SecretStr) -> Middleware:
    """Refuses every request without this key; /health is open to all."""
    expected = key.get_secret_value().encode()

    @web.middleware
    async def ask_for_key(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path not in _OPEN_PATHS:
            scheme, _, given = request.headers.get("Authorization", "").partition(" ")
            sent = given.lstrip(" ").encode("utf-8", "surrogateescape")
            if not hmac.compare_digest(sent, expected) or scheme.lower() != "bearer":
                raise Unauthorized
        return await handler(request)

    return ask_for_key


def check_host(more: str | None) -> Middleware:
    """Refuses every request whose Host header is neither this machine's own nor one of `more`.

    A web page can make a browser call this machine under the page's own name (DNS rebinding), and
    then read the answer; the Host header betrays it.
    """
    allowed = {name.lower() for name in _listed(more)}

    @web.middleware
    async def ask_for_host(request: web.Request, handler: Handler) -> web.StreamResponse:
        host = request.headers.get("Host")
        if host is not None:
            name = _name(host)
            if name not in allowed and not is_loopback(name):
                raise ForeignHost(host)
        return await handler(request)

    return ask_for_host


@web.middleware
async def options(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer OPTIONS with what an address takes; it needs no key, as browsers send none."""
    missing = request.match_info.http_exception
    if request.method != "OPTIONS" or not isinstance(missing, web.HTTPMethodNotAllowed):
        return await handler(request)
    methods = ", ".join(sorted({*missing.allowed_methods, "OPTIONS"}))
    return web.Response(status=_NO_CONTENT, headers={"Allow": methods})


class AllowedPages:
    """The web pages that may call the worker from a browser: `origins` with commas, or `*`."""

    def __init__(self, origins: str | None) -> None:
        self._origins = {origin.rstrip("/") for origin in _listed(origins)}

    async def allow(self, request: web.Request, response: web.StreamResponse) -> None:
        """For `on_response_prepare`: tell the browser that this page may read the answer."""
        origin = request.headers.get("Origin")
        if origin is None or not self._origins & {origin, "*"}:
            return
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Vary"] = "Origin"
        if request.method == "OPTIONS":
            asked = request.headers.get("Access-Control-Request-Headers")
            response.headers["Access-Control-Allow-Methods"] = response.headers.get("Allow", "")
            response.headers["Access-Control-Allow-Headers"] = (
                asked or "Authorization, Content-Type"
            )
            response.headers["Access-Control-Max-Age"] = _CACHED_S


def _listed(names: str | None) -> list[str]:
    return [name.strip() for name in (names or "").split(",") if name.strip()]


def _name(host: str) -> str:
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""
