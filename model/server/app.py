"""The HTTP application around a service, and where it may listen."""

from aiohttp import web
from pydantic import SecretStr

from model.errors import ConfigError
from model.server.adapter_desk import AdapterDesk
from model.server.entry.access import AllowedPages, check_host, check_key, is_loopback, options
from model.server.entry.connections import ConnectionLimits, LimitedRunner
from model.server.refusals import error_middleware
from model.server.routes import Routes
from model.server.service import EngineService
from model.settings import WorkerSettings

MAX_BODY_BYTES = 4 * 1024 * 1024
SHUTDOWN_LIMIT_S = 3.0
LIMITS = web.AppKey("limits", ConnectionLimits)


def create_app(
    service: EngineService,
    desk: AdapterDesk,
    settings: WorkerSettings,
    limits: ConnectionLimits | None = None,
) -> web.Application:
    """The application for a service that its owner starts and closes.

    Every address but /health asks for the key, where one is set. Only with a key can adapters be
    changed; without one, nobody can change them, and only this machine's own names are served.
    """
    limits = ConnectionLimits() if limits is None else limits
    pages = AllowedPages(settings.worker_origins)
    key = settings.worker_api_key
    entry = check_host(settings.worker_hosts) if key is None else check_key(key)
    app = web.Application(
        middlewares=[limits.middleware(), error_middleware(service.metrics), options, entry],
        client_max_size=MAX_BODY_BYTES,
    )
    app[LIMITS] = limits
    app.on_response_prepare.append(limits.answering)
    app.on_response_prepare.append(pages.allow)
    app.add_routes(Routes(service, None if key is None else desk).table())
    return app


def create_runner(app: web.Application) -> web.AppRunner:
    """A runner that limits connections and cancels a handler as soon as its client is gone."""
    return LimitedRunner(app, app[LIMITS], SHUTDOWN_LIMIT_S)


def check_address(host: str, key: SecretStr | None) -> None:
    """Raise ConfigError when the worker would be open to the network without a key."""
    if key is None and not is_loopback(host):
        raise ConfigError(
            f"--host {host} opens the worker to the network: set WORKER_API_KEY as well, "
            "or stay on 127.0.0.1"
        )
