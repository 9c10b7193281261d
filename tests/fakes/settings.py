"""The worker's settings for tests, without any `.env` file."""

from typing import Any

from model.settings import WorkerSettings


def worker_settings(**fields: Any) -> WorkerSettings:
    """These fields; the environment and the defaults for the others."""
    settings: Any = WorkerSettings  # its type does not know pydantic-settings' own argument
    return settings(_env_file=None, **fields)
