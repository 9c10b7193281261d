"""Chooses the worker by the settings: one that the bot starts, or the one at `WORKER_URL`."""

import os
import secrets
from pathlib import Path

from bot.config.settings import NAMES, BotSettings
from bot.worker.health import HealthLimits
from bot.worker.output import WorkerLog
from bot.worker.remote import SILENT_S, RemoteWorker
from bot.worker.supervisor import Supervisor, SupervisorLimits
from model.client import WorkerClient


def worker_for(settings: BotSettings, log: Path) -> Supervisor | RemoteWorker:
    """The worker for these settings, to be used with `async with`.

    What a worker of our own prints goes to the file `log`.
    """
    given = settings.worker_api_key
    own_key = None if settings.worker_url else secrets.token_urlsafe(24)
    key = given.get_secret_value() if given is not None else own_key

    def connect(url: str) -> WorkerClient:
        return WorkerClient(url, key, names=settings.model_names)

    ready_s, stall_s = settings.worker_ready_timeout_s, settings.worker_stall_s
    if settings.worker_url is not None:
        limits = HealthLimits(silent_s=SILENT_S, ready_s=ready_s, stall_s=stall_s)
        return RemoteWorker(connect, settings.worker_url, limits=limits)
    environment = _environment(settings) | {"WORKER_API_KEY": key or ""}
    limits = SupervisorLimits(health=HealthLimits(ready_s=ready_s, stall_s=stall_s))
    return Supervisor(connect, environment, WorkerLog(log), limits=limits)


def _environment(settings: BotSettings) -> dict[str, str]:
    """Our environment with the settings, without the Discord token and without empty settings."""
    ours = {
        name: value
        for name, value in os.environ.items()
        if name.upper() != "DISCORD_TOKEN" and (value or name.upper() not in NAMES)
    }
    return ours | settings.worker_environment()
