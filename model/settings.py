"""The worker's settings: environment and `.env`, read once in `__main__`."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from model.errors import ConfigError
from model.loading.names import DEMO, configured_adapters, parse_adapters

SCRIPTED = "scripted"
_NOT_REACHED = "default_factory_not_called"  # a default that another field's error left open


def _default_adapters(data: dict[str, Any]) -> dict[str, str]:
    return configured_adapters(None, str(data.get("base_model")))


class WorkerSettings(BaseSettings):
    """Everything one can set; the variable's name is the field's in capitals.

    `base_model` is a folder, a hub id, `demo` or, for tests, `scripted`. `adapters` maps a
    variant's name to a folder or hub id, written `name=source,name=source`; without the variable
    the demo model takes the adapter that ships with the project, with `none` it takes none. An
    empty variable counts as not set.
    """

    model_config = SettingsConfigDict(
        env_file=".env",
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
    )

    base_model: Annotated[str, Field(min_length=1, description="a folder, a hub id, or demo")] = (
        DEMO
    )
    adapters: Annotated[dict[str, str], NoDecode] = Field(default_factory=_default_adapters)
    worker_api_key: SecretStr | None = None
    max_context: Annotated[int, Field(ge=16, le=1_000_000, description="16 to 1000000 tokens")] = (
        4096
    )
    max_running: Annotated[int, Field(ge=1, le=1024, description="1 to 1024 rows")] = 8
    max_waiting: Annotated[int, Field(ge=0, le=100_000, description="0 to 100000 rows")] = 64
    prefill_chunk: Annotated[int, Field(ge=1, le=65_536, description="1 to 65536 tokens")] = 128
    cpu_compute: Literal["auto", "nf4", "packed", "float32", "bfloat16"] = "auto"
    kv_cache_mb: Annotated[int, Field(ge=1)] | None = None
    drain_s: Annotated[float, Field(ge=0, le=3600, description="0 to 3600 seconds")] = 20.0
    fungpt_home: Path = Path("var")
    fungpt_script: str | None = None
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @field_validator("adapters", mode="before")
    @classmethod
    def _parse_adapters(cls, value: object) -> object:
        return parse_adapters(value) if isinstance(value, str) else value

    @field_validator("worker_api_key")
    @classmethod
    def _empty_key_is_none(cls, value: SecretStr | None) -> SecretStr | None:
        return value if value is not None and value.get_secret_value() else None


def load_settings() -> WorkerSettings:
    """The settings of this process; ConfigError is one line naming variable, value and rule."""
    try:
        return WorkerSettings()
    except ValidationError as error:
        lines = [_line(detail) for detail in error.errors() if detail["type"] != _NOT_REACHED]
        raise ConfigError("; ".join(lines)) from error


def _line(detail: ErrorDetails) -> str:
    field = str(detail["loc"][0])
    shown = "(hidden)" if field == "worker_api_key" else repr(detail["input"])
    allowed = WorkerSettings.model_fields[field].description
    rule = f"must be {allowed}" if allowed else detail["msg"].removeprefix("Value error, ")
    return f"{field.upper()}={shown} is not allowed: {rule[:1].lower()}{rule[1:]}"
