"""The bot's settings: one frozen object, read once from the environment and `.env`."""

import logging
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, SecretStr, StringConstraints, ValidationError

from bot.config.env_file import read_env_file
from bot.config.model_names import ALLOWED as MODEL_NAMES_ALLOWED
from bot.config.model_names import checked_model_names, parse_model_names
from bot.errors import SettingsError
from bot.ratings.emoji import ALLOWED as RATING_EMOJI_ALLOWED
from bot.ratings.emoji import DEFAULT as RATING_EMOJI
from bot.ratings.emoji import RatingEmoji
from data.records import Sampling
from data.store.database import FILE_NAME
from model.sampling import (
    CHAT,
    MaxTokens,
    MinP,
    Penalty,
    RepetitionPenalty,
    SamplingParams,
    Temperature,
    TopK,
    TopP,
)
from model.settings import SharedSettings, count, explain, seconds, secret_names, setting

_Url = Annotated[str, StringConstraints(pattern=r"^https?://[^\s/]+\S*$")]
_ShownUrl = Annotated[str, StringConstraints(pattern=r"^https?://[^\s/]+\S*$", max_length=200)]
_SocketUrl = Annotated[str, StringConstraints(pattern=r"^wss?://[^\s/]+\S*$")]
_Text = Annotated[str, StringConstraints(strip_whitespace=True)]
_ShownText = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]
_Permission = Literal[
    "send_messages", "moderate_members", "manage_messages", "manage_channels", "manage_guild",
    "administrator",
]  # fmt: skip
_FOR_THE_WORKER = (*SharedSettings.model_fields, "adapters", "hf_token")


def _sampling(name: str, meaning: str) -> Any:  # noqa: ANN401
    """A sampling parameter with the default of chats; its range is that of its type."""
    words = SamplingParams.model_fields[name].description or ""
    return setting(getattr(CHAT, name), meaning, words)


def _rating_emoji(text: str) -> str:
    RatingEmoji.parse(text)
    return text


class BotSettings(SharedSettings):
    """Every setting; the name of its environment variable is the field's in upper case."""

    discord_token: SecretStr | None = setting(
        None, "The Discord bot's token; without one the chat opens in the terminal.", "a bot token"
    )
    discord_api_url: _Url | None = setting(
        None, "Another base of Discord's REST API, such as a proxy.", "an http(s) URL"
    )
    discord_gateway_url: _SocketUrl | None = setting(
        None, "Another Discord gateway.", "a ws(s) URL"
    )
    discord_message_content: Literal["auto", "on", "off"] = setting(
        "auto",
        "Whether to ask for the privileged message-content intent, which always-channels and"
        " reply chains among people need; auto: if Discord grants it.",
        "auto, on or off",
    )
    discord_model_permission: _Permission = setting(
        "manage_channels",
        "Whoever has this permission in a channel may choose the model that answers there.",
        ", ".join(get_args(_Permission)),
    )
    discord_direct: Literal["nobody", "members", "everybody"] = setting(
        "members",
        "Who may ask the bot in direct messages; members: people of the servers that it is in, by"
        " these servers' rules.",
        "nobody, members or everybody",
    )
    rating_emoji: Annotated[str, AfterValidator(_rating_emoji)] = setting(
        RATING_EMOJI, "The reactions that people rate answers with.", RATING_EMOJI_ALLOWED
    )
    reconcile_answers: int = count(
        200, "Answers whose reactions are read anew at a start, newest first; 0: none.", 0, 10_000
    )
    reconcile_days: int = count(
        7, "How old an answer may be for its reactions to be read anew at a start.", 1, 365
    )
    privacy_policy_url: _ShownUrl | None = setting(
        None,
        "Where your own privacy policy is, which Discord asks of every bot; /privacy names it.",
        "an http(s) URL of at most 200 characters",
    )
    discord_training_permission: _ShownText = setting(
        "",
        "The reference of Discord's express permission to train models on message content, such as"
        " a ticket's number; empty: there is none, and no text from Discord leaves for training.",
        "a text of at most 200 characters",
    )
    metrics_port: int = count(
        0, "Port on 127.0.0.1 that shows figures to Prometheus; 0: none.", 0, 65_535
    )
    worker_url: _Url | None = setting(
        None,
        "A running OpenAI-compatible worker; without it the bot starts its own.",
        "an http(s) URL, such as http://127.0.0.1:8000",
    )
    worker_models: Annotated[_Text, AfterValidator(checked_model_names)] = setting(
        "",
        "What the models at WORKER_URL are called here; empty: as that server lists them.",
        MODEL_NAMES_ALLOWED,
    )
    adapters: _Text = setting(
        "",
        "LoRA adapters of the bot's own worker; empty: the demo model's own.",
        "none, or name=folder or name=hub id, several with commas",
    )
    hf_token: SecretStr | None = setting(
        None, "The hub's token, for models that ask for one.", "a Hugging Face token"
    )
    default_variant: _Text = setting(
        "tuned", "What answers where nobody chose.", "base, tuned or an adapter's name"
    )
    persona: _Text = setting("", "The system prompt; empty: none.", "a text in one line")
    max_tokens: MaxTokens = _sampling("max_tokens", "The longest answer, in tokens.")
    temperature: Temperature = _sampling(
        "temperature", "How adventurous the answers are; 0 always takes the likeliest token."
    )
    top_p: TopP = _sampling("top_p", "Draw from the likeliest tokens of this total probability.")
    top_k: TopK = _sampling("top_k", "Draw from this many likeliest tokens.")
    min_p: MinP = _sampling("min_p", "Leave out tokens below this share of the likeliest one's.")
    repetition_penalty: RepetitionPenalty = _sampling(
        "repetition_penalty", "Above 1 discourages what was said already."
    )
    frequency_penalty: Penalty = _sampling(
        "frequency_penalty", "Subtracted for each time a token occurred."
    )
    presence_penalty: Penalty = _sampling(
        "presence_penalty", "Subtracted once for a token that occurred."
    )

    prompt_max_chars: int = count(8000, "The longest prompt, in characters.", 1, 100000)
    history_max_chars: int = count(
        6000, "Characters of a conversation that the model sees, prompt included.", 1, 1000000
    )
    history_max_turns: int = count(
        24, "Turns of a conversation that the model sees, prompt included.", 1, 1000
    )

    queue_max: int = count(100, "Requests that may wait, of all people together.", 1, 100000)
    queue_per_user: int = count(3, "Unfinished requests that one person may have.", 1, 1000)
    worker_concurrency: int = count(8, "Requests given to the worker at once.", 1, 1024)
    request_ttl_s: float = seconds(
        1800, "A request that has waited longer than this expires.", 1, 604800
    )
    worker_ready_timeout_s: float = seconds(
        900, "How long a request waits for a worker that is not ready.", 1, 86400
    )
    worker_stall_s: float = seconds(
        60, "A worker that sends nothing for this long in an answer counts as hung.", 0.1, 3600
    )
    log_format: Literal["plain", "json"] = setting(
        "plain", "How the log is written.", "plain or json"
    )

    @property
    def database(self) -> Path:
        """The path of the SQLite file."""
        return self.fungpt_home / FILE_NAME

    @property
    def model_names(self) -> dict[str, str]:
        """The names of `worker_models`, each with the server's own name; empty without any."""
        return parse_model_names(self.worker_models) if self.worker_url is not None else {}

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
            stop=(),
        )

    def worker_environment(self) -> dict[str, str]:
        """The variables to set for the bot's own worker: values as text, secrets readable.

        What is not set, or empty, is left out.
        """
        values = {name: getattr(self, name) for name in _FOR_THE_WORKER}
        return {
            name.upper(): value.get_secret_value() if isinstance(value, SecretStr) else str(value)
            for name, value in values.items()
            if value not in (None, "")
        }


SECRETS = secret_names(BotSettings)
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
        raise SettingsError(explain(error, BotSettings)) from error
