"""The HTTP application around a service: its key, and where it may listen."""

import hmac
import ipaddress

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from pydantic import SecretStr

from model.errors import ConfigError, Unauthorized
from model.server.adapter_desk import AdapterDesk
from model.server.refusals import error_middleware
from model.server.routes import Routes
from model.server.service import EngineService
from model.settings import WorkerSettings

MAX_BODY_BYTES = 4 * 1024 * 1024
SHUTDOWN_LIMIT_S = 3.0
_OPEN_PATHS = frozenset({"/health"})


def create_app(
    service: EngineService, desk: AdapterDesk, settings: WorkerSettings
) -> web.Application:
    """The application for a service that its owner starts and closes.

    Every address but /health asks for the key, where one is set. Only with a key can adapters be
    changed; without one, nobody can change them.
    """
    middlewares = [error_middleware(service.metrics)]
    if settings.worker_api_key is not None:
        middlewares.append(_key_middleware(settings.worker_api_key))
    app = web.Application(middlewares=middlewares, client_max_size=MAX_BODY_BYTES)
    admin = None if settings.worker_api_key is None else desk
    app.add_routes(Routes(service, admin).table())
    return app


def create_runner(app: web.Application) -> web.AppRunner:
    """A runner that cancels a handler as soon as its client disconnects."""
    return web.AppRunner(
        app, handler_cancellation=True, access_log=None, shutdown_timeout=SHUTDOWN_LIMIT_S
    )


def check_address(host: str, key: SecretStr | None) -> None:
    """Raise ConfigError when the worker would be open to the network without a key."""
    if key is None and not _is_loopback(host):
        raise ConfigError(
            f"--host {host} opens the worker to the network: set WORKER_API_KEY as well, "
            "or stay on 127.0.0.1"
        )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _key_middleware(key: SecretStr) -> Middleware:
    expected = f"Bearer {key.get_secret_value()}".encode()

    @web.middleware
    async def check_key(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path not in _OPEN_PATHS:
            given = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
            if not hmac.compare_digest(given, expected):
                raise Unauthorized
        return await handler(request)

    return check_key
