"""The bot's settings: one frozen object, read once from the environment and `.env`."""

import logging
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, Field, SecretStr, StringConstraints, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from bot.config.env_file import read_env_file
from bot.errors import SettingsError
from bot.ratings.emoji import ALLOWED as RATING_EMOJI_ALLOWED
from bot.ratings.emoji import DEFAULT as RATING_EMOJI
from bot.ratings.emoji import RatingEmoji
from data.records import Sampling
from data.store.database import FILE_NAME

_Url = Annotated[str, StringConstraints(pattern=r"^https?://[^\s/]+\S*$")]
_ShownUrl = Annotated[str, StringConstraints(pattern=r"^https?://[^\s/]+\S*$", max_length=200)]
_SocketUrl = Annotated[str, StringConstraints(pattern=r"^wss?://[^\s/]+\S*$")]
_Text = Annotated[str, StringConstraints(strip_whitespace=True)]
_ShownText = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]
_Permission = Literal[
    "send_messages", "moderate_members", "manage_messages", "manage_channels", "manage_guild",
    "administrator",
]  # fmt: skip
_FOR_THE_WORKER = (
    "base_model", "adapters", "hf_token", "worker_api_key", "max_context", "max_running",
    "max_waiting", "prefill_chunk", "cpu_compute", "kv_cache_mb", "drain_s", "fungpt_home",
    "log_level",
)  # fmt: skip
SECRETS = frozenset({"discord_token", "worker_api_key", "hf_token"})


def _setting(default: Any, meaning: str, allowed: str, **limits: float) -> Any:  # noqa: ANN401
    """A setting with what `.env.example` and the error line say about it."""
    return Field(default, description=meaning, json_schema_extra={"allowed": allowed}, **limits)  # pyright: ignore[reportCallIssue, reportArgumentType]


def _rating_emoji(text: str) -> str:
    RatingEmoji.parse(text)
    return text


def _fraction(default: float, meaning: str) -> Any:  # noqa: ANN401
    return _setting(default, meaning, "a number from 0 to 1", ge=0, le=1)


def _seconds(default: float, meaning: str, least: float, most: float) -> Any:  # noqa: ANN401
    allowed = f"seconds, from {least:g} to {most:g}"
    return _setting(default, meaning, allowed, ge=least, le=most)


def _count(default: int, meaning: str, least: int, most: int) -> Any:  # noqa: ANN401
    return _setting(default, meaning, f"a whole number from {least} to {most}", ge=least, le=most)


class BotSettings(BaseSettings):
    """Every setting; the name of its environment variable is the field's in upper case."""

    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True, extra="ignore")

    discord_token: SecretStr | None = _setting(
        None, "The Discord bot's token; without one the chat opens in the terminal.", "a bot token"
    )
    discord_api_url: _Url | None = _setting(
        None, "Another base of Discord's REST API, such as a proxy.", "an http(s) URL"
    )
    discord_gateway_url: _SocketUrl | None = _setting(
        None, "Another Discord gateway.", "a ws(s) URL"
    )
    discord_message_content: Literal["auto", "on", "off"] = _setting(
        "auto",
        "Whether to ask for the privileged message-content intent, which always-channels and"
        " reply chains among people need; auto: if Discord grants it.",
        "auto, on or off",
    )
    discord_model_permission: _Permission = _setting(
        "manage_channels",
        "Whoever has this permission in a channel may choose the model that answers there.",
        ", ".join(get_args(_Permission)),
    )
    rating_emoji: Annotated[str, AfterValidator(_rating_emoji)] = _setting(
        RATING_EMOJI, "The reactions that people rate answers with.", RATING_EMOJI_ALLOWED
    )
    reconcile_answers: int = _count(
        200, "Answers whose reactions are read anew at a start, newest first; 0: none.", 0, 10_000
    )
    reconcile_days: int = _count(
        7, "How old an answer may be for its reactions to be read anew at a start.", 1, 365
    )
    privacy_policy_url: _ShownUrl | None = _setting(
        None,
        "Where your own privacy policy is, which Discord asks of every bot; /privacy names it.",
        "an http(s) URL of at most 200 characters",
    )
    discord_training_permission: _ShownText = _setting(
        "",
        "The reference of Discord's express permission to train models on message content, such as"
        " a ticket's number; empty: there is none, and no text from Discord leaves for training.",
        "a text of at most 200 characters",
    )
    metrics_port: int = _count(
        0, "Port on 127.0.0.1 that shows figures to Prometheus; 0: none.", 0, 65_535
    )
    worker_url: _Url | None = _setting(
        None,
        "A running OpenAI-compatible worker; without it the bot starts its own.",
        "an http(s) URL, such as http://127.0.0.1:8000",
    )
    worker_api_key: SecretStr | None = _setting(
        None, "The key that the worker asks for.", "any text"
    )
    base_model: _Text = _setting(
        "demo", "The model that the bot's own worker serves.", "demo, a folder or a hub id"
    )
    adapters: _Text = _setting(
        "",
        "LoRA adapters of the bot's own worker; empty: the demo model's own.",
        "none, or name=folder or name=hub id, several with commas",
    )
    hf_token: SecretStr | None = _setting(
        None, "The hub's token, for models that ask for one.", "a Hugging Face token"
    )
    max_context: int = _count(
        4096, "Tokens of prompt and answer together, for the bot's own worker.", 16, 1_000_000
    )
    max_running: int = _count(8, "Answers that the bot's own worker computes at once.", 1, 1024)
    max_waiting: int = _count(64, "Requests that the bot's own worker lets wait.", 0, 100_000)
    prefill_chunk: int = _count(
        128, "Prompt tokens that the bot's own worker reads in one step.", 1, 65_536
    )
    cpu_compute: Literal["auto", "packed", "nf4", "float32", "bfloat16"] = _setting(
        "auto",
        "How the bot's own worker multiplies 4-bit weights on a CPU.",
        "auto, packed, nf4, float32 or bfloat16",
    )
    kv_cache_mb: int | None = _setting(
        None,
        "MiB for the keys and values of all running answers; not set: 384 on a CPU, six tenths"
        " of what is free on a GPU.",
        "a whole number from 1",
        ge=1,
    )
    fungpt_home: Path = _setting(
        Path("var"), "Where the database, weights and logs live.", "a folder that can be written"
    )

    default_variant: _Text = _setting(
        "tuned", "What answers where nobody chose.", "base, tuned or an adapter's name"
    )
    persona: _Text = _setting("", "The system prompt; empty: none.", "a text in one line")
    max_tokens: int = _count(256, "The longest answer, in tokens.", 1, 32768)
    temperature: float = _setting(
        0.5, "How adventurous the answers are; 0 always takes the likeliest token.",
        "a number from 0 to 2", ge=0, le=2,
    )  # fmt: skip
    top_p: float = _setting(
        0.9, "Draw from the likeliest tokens of this total probability.",
        "a number above 0, up to 1", gt=0, le=1,
    )  # fmt: skip
    top_k: int = _count(0, "Draw from this many likeliest tokens; 0: no limit.", 0, 100000)
    min_p: float = _fraction(0.0, "Leave out tokens below this share of the likeliest one's.")
    repetition_penalty: float = _setting(
        1.05, "Above 1 discourages what was said already.", "a number from 0.1 to 2", ge=0.1, le=2
    )
    frequency_penalty: float = _setting(
        0.0, "Subtracted for each time a token occurred.", "a number from -2 to 2", ge=-2, le=2
    )
    presence_penalty: float = _setting(
        0.0, "Subtracted once for a token that occurred.", "a number from -2 to 2", ge=-2, le=2
    )

    prompt_max_chars: int = _count(8000, "The longest prompt, in characters.", 1, 100000)
    history_max_chars: int = _count(
        6000, "Characters of a conversation that the model sees, prompt included.", 1, 1000000
    )
    history_max_turns: int = _count(
        24, "Turns of a conversation that the model sees, prompt included.", 1, 1000
    )

    queue_max: int = _count(100, "Requests that may wait, of all people together.", 1, 100000)
    queue_per_user: int = _count(3, "Unfinished requests that one person may have.", 1, 1000)
    worker_concurrency: int = _count(8, "Requests given to the worker at once.", 1, 1024)
    request_ttl_s: float = _seconds(
        1800, "A request that has waited longer than this expires.", 1, 604800
    )
    worker_ready_timeout_s: float = _seconds(
        900, "How long a request waits for a worker that is not ready.", 1, 86400
    )
    worker_stall_s: float = _seconds(
        60, "A worker that sends nothing for this long in an answer counts as hung.", 0.1, 3600
    )
    drain_s: float = _seconds(
        10, "How long a stop waits for running answers before it parks them.", 0, 600
    )

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = _setting(
        "INFO", "How much is logged.", "DEBUG, INFO, WARNING or ERROR"
    )
    log_format: Literal["plain", "json"] = _setting(
        "plain", "How the log is written.", "plain or json"
    )

    @property
    def database(self) -> Path:
        """The path of the SQLite file."""
        return self.fungpt_home / FILE_NAME

    @property
    def emoji(self) -> RatingEmoji:
        """The emoji of `rating_emoji`."""
        return RatingEmoji.parse(self.rating_emoji)

    @property
    def log_number(self) -> int:
        """`log_level` as logging's number."""
        return logging.getLevelNamesMapping()[self.log_level]

    def sampling(self, seed: int) -> Sampling:
        """How the tokens of an answer with this seed are drawn."""
        return Sampling(
            max_tokens=self.max_tokens,
            temperature=self.temperature,
            top_p=self.top_p,
            top_k=self.top_k,
            min_p=self.min_p,
            repetition_penalty=self.repetition_penalty,
            frequency_penalty=self.frequency_penalty,
            presence_penalty=self.presence_penalty,
            seed=seed,
        )

    def worker_environment(self) -> dict[str, str]:
        """The variables to set for the bot's own worker, secrets in clear, without unset ones."""
        values = {name: getattr(self, name) for name in _FOR_THE_WORKER}
        return {
            name.upper(): value.get_secret_value() if isinstance(value, SecretStr) else str(value)
            for name, value in values.items()
            if value not in (None, "")
        }


NAMES = tuple(name.upper() for name in BotSettings.model_fields)


def load_settings(env_file: Path | None = Path(".env")) -> BotSettings:
    """Read the settings from the environment and from `env_file`; the environment wins.

    Raises SettingsError, with one line, for an unknown name in `env_file` and for a value that is
    not allowed, wherever it stands.
    """
    if env_file is not None:
        read_env_file(env_file, NAMES)
    try:
        return BotSettings(_env_file=env_file)  # pyright: ignore[reportCallIssue]
    except ValidationError as error:
        raise SettingsError(_explain(error)) from error


def _explain(error: ValidationError) -> str:
    """Every bad value in one line: the variable, what it was and what is allowed."""
    return "; ".join(_explain_one(str(item["loc"][0]), item["input"]) for item in error.errors())


def _explain_one(name: str, value: object) -> str:
    shown = "(hidden)" if name in SECRETS else repr(value)
    return f"{name.upper()}={shown:.80} is not allowed: it must be {allowed(name)}"


def allowed(name: str) -> str:
    """The values that the setting `name` (lower case) may have, in words."""
    extra = BotSettings.model_fields[name].json_schema_extra
    return str(extra["allowed"]) if isinstance(extra, dict) else ""
