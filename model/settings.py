"""The worker's settings, and those that the bot reads as well. Imports no torch.

The bot passes the shared settings on to the worker that it starts, so names, ranges and defaults
stand here once.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    Field,
    SecretStr,
    StringConstraints,
    ValidationError,
    field_validator,
)
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from model.errors import ConfigError
from model.loading.adapter_sources import DEMO, configured_adapters
from model.loading.names import parse_adapters

SCRIPTED = "scripted"
DEFAULT_MAX_TOKENS = 512
_NOT_REACHED = "default_factory_not_called"  # a default that another field's error left open

Compute = Literal["auto", "int8", "packed", "nf4", "float32", "bfloat16"]
KvCacheDtype = Literal["auto", "fp8"]
GpuCompute = Literal["auto", "nf4", "tiled"]
LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]


def setting(default: Any, meaning: str, allowed: str, **limits: float) -> Any:  # noqa: ANN401
    """A setting of any type. `meaning` and `allowed` are shown to people, `limits` are pydantic's.

    `allowed` completes "it must be …" in the line that refuses a value.
    """
    return Field(default, description=meaning, json_schema_extra={"allowed": allowed}, **limits)  # pyright: ignore[reportCallIssue, reportArgumentType]


def seconds(default: float, meaning: str, least: float, most: float) -> Any:  # noqa: ANN401
    """A setting in seconds, from `least` to `most`."""
    return setting(default, meaning, f"seconds, from {least:g} to {most:g}", ge=least, le=most)


def count(default: int, meaning: str, least: int, most: int) -> Any:  # noqa: ANN401
    """A whole number, from `least` to `most`."""
    return setting(default, meaning, f"a whole number from {least} to {most}", ge=least, le=most)


class SharedSettings(BaseSettings):
    """What bot and worker both read; the variable's name is the field's in capitals.

    An empty variable counts as not set.
    """

    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", frozen=True)

    worker_api_key: SecretStr | None = setting(
        None, "The key that the worker asks for.", "any text"
    )
    worker_hosts: str | None = setting(
        None,
        "Names besides localhost by which a worker without a key may be called.",
        "host names, several with commas",
    )
    worker_origins: str | None = setting(
        None,
        "Web pages that may call the worker from a browser (CORS).",
        "origins such as http://localhost:3000, several with commas, or *",
    )
    default_max_tokens: int = count(
        DEFAULT_MAX_TOKENS,
        "The most tokens of an answer where the request does not say.",
        1,
        1_000_000,
    )
    base_model: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)] = setting(
        DEMO, "The model that the bot's own worker serves.", "demo, a folder or a hub id"
    )
    max_context: int = count(
        4096, "Tokens of prompt and answer together, for the bot's own worker.", 16, 1_000_000
    )
    max_running: int | None = setting(
        None,
        "Answers that the bot's own worker computes at once; not set: 8 on a CPU, 64 on a GPU.",
        "a whole number from 1 to 1024",
        ge=1,
        le=1024,
    )
    max_waiting: int = count(64, "Requests that the bot's own worker lets wait.", 0, 100_000)
    prefill_chunk: int | None = setting(
        None,
        "Prompt tokens that the bot's own worker reads in one step; not set: 128 on a CPU, 512 on"
        " a GPU.",
        "a whole number from 1 to 65536",
        ge=1,
        le=65_536,
    )
    cpu_compute: Compute = setting(
        "auto",
        "How the bot's own worker multiplies 4-bit weights on a CPU.",
        "auto, int8, packed, nf4, float32 or bfloat16",
    )
    gpu_compute: GpuCompute = setting(
        "auto",
        "How the bot's own worker decodes on a GPU: tiled by its own kernels, nf4 by bitsandbytes',"
        " which are several times as slow, auto by its own wherever they run.",
        "auto, tiled or nf4",
    )
    kv_cache_mb: int | None = setting(
        None,
        "MiB for the keys and values of all running answers; not set: 384 on a CPU, six tenths"
        " of what is free on a GPU.",
        "a whole number from 1",
        ge=1,
    )
    kv_cache_dtype: KvCacheDtype = setting(
        "auto",
        "The numbers in which a GPU keeps keys and values: auto as it computes, fp8 in one byte"
        " each, for twice the conversations in the same memory.",
        "auto or fp8",
    )
    fungpt_home: Path = setting(
        Path("var"), "Where the database, weights and logs live.", "a folder that can be written"
    )
    drain_s: float = seconds(
        10.0, "How long a stop waits for running answers before it ends or parks them.", 0, 3600
    )
    log_level: LogLevel = setting("INFO", "How much is logged.", "DEBUG, INFO, WARNING or ERROR")

    def running_rows(self, device: str) -> int:
        """`MAX_RUNNING`, or what suits a device of this type ("cpu" or "cuda")."""
        return self.max_running or (64 if device == "cuda" else 8)

    def chunk_tokens(self, device: str) -> int:
        """`PREFILL_CHUNK`, or what suits a device of this type."""
        return self.prefill_chunk or (512 if device == "cuda" else 128)

    @field_validator("worker_api_key")
    @classmethod
    def _empty_key_is_none(cls, value: SecretStr | None) -> SecretStr | None:
        return value if value is not None and value.get_secret_value() else None


def _default_adapters(data: dict[str, Any]) -> dict[str, str]:
    return configured_adapters(None, str(data.get("base_model")))


class WorkerSettings(SharedSettings):
    """Every setting of `python -m model`, read from the environment and from `.env`.

    `base_model` is a folder, a hub id, `demo` or, for tests, `scripted`. `adapters` maps a
    variant's name to a folder or hub id and is written `name=source,name=source`. Without it the
    demo model takes the adapter that the project ships; with `none` it takes no adapter.
    """

    model_config = SettingsConfigDict(env_file=".env", env_file_encoding="utf-8")

    adapters: Annotated[dict[str, str], NoDecode] = Field(default_factory=_default_adapters)
    fungpt_script: str | None = None

    @field_validator("adapters", mode="before")
    @classmethod
    def _parse_adapters(cls, value: object) -> object:
        return parse_adapters(value) if isinstance(value, str) else value


def load_settings() -> WorkerSettings:
    """Read this process's settings; raises ConfigError, one line, for values not allowed."""
    try:
        return WorkerSettings()
    except ValidationError as error:
        raise ConfigError(explain(error, WorkerSettings)) from error


def explain(error: ValidationError, settings: type[BaseModel]) -> str:
    """Every refused value of these settings in one line: variable, value, what is allowed."""
    details = [detail for detail in error.errors() if detail["type"] != _NOT_REACHED]
    return "; ".join(_explain(detail, settings) for detail in details)


def _explain(detail: ErrorDetails, settings: type[BaseModel]) -> str:
    name = str(detail["loc"][0])
    shown = "(hidden)" if name in secret_names(settings) else f"{detail['input']!r:.80}"
    words = allowed(name, settings)
    rule = f"it must be {words}" if words else detail["msg"].removeprefix("Value error, ")
    return f"{name.upper()}={shown} is not allowed: {rule}"


def allowed(name: str, settings: type[BaseModel]) -> str:
    """What the setting `name` (lower case) may be, in words; "" where no words are given."""
    extra = settings.model_fields[name].json_schema_extra
    return str(extra["allowed"]) if isinstance(extra, dict) else ""


def secret_names(settings: type[BaseModel]) -> frozenset[str]:
    """The names (lower case) of the settings whose values nobody may see."""
    fields = settings.model_fields.items()
    return frozenset(name for name, field in fields if "SecretStr" in str(field.annotation))
