"""What a source is: how its rows are held, and what each of them is."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

from data.errors import DatasetError
from training.sources.discord import is_discord_message
from training.sources.openassistant import is_openassistant
from training.sources.packed import unpacked_name
from training.sources.pairs import Columns
from training.sources.reddit import is_submission
from training.sources.tables import is_hub_name


class Format(StrEnum):
    """How a source holds its rows (a container), or what its rows are (a shape)."""

    AUTO = "auto"
    CSV = "csv"
    TSV = "tsv"
    JSON = "json"
    JSONL = "jsonl"
    PARQUET = "parquet"
    ARROW = "arrow"
    FOLDER = "folder"
    HUB = "hub"
    PAIRS = "pairs"
    CHAT = "chat"
    SHAREGPT = "sharegpt"
    ALPACA = "alpaca"
    PROMPT_COMPLETION = "prompt-completion"
    OPENASSISTANT = "openassistant"
    REDDIT = "reddit"
    DISCORD = "discord"
    EXPORT = "export"

    @property
    def is_shape(self) -> bool:
        """Whether this says what each row is."""
        return self in _SHAPES

    @property
    def is_named(self) -> bool:
        """Whether this says more of a source than its container does."""
        return self in _SHAPES and self not in (Format.PAIRS, Format.CHAT)

    @property
    def words(self) -> str:
        """The format for a person."""
        return _WORDS[self]


_SHAPES = {
    Format.PAIRS: "pairs",
    Format.CHAT: "chats (messages)",
    Format.SHAREGPT: "ShareGPT conversations",
    Format.ALPACA: "Alpaca instructions",
    Format.PROMPT_COMPLETION: "prompts with completions",
    Format.OPENASSISTANT: "OpenAssistant conversations",
    Format.REDDIT: "Reddit dump",
    Format.DISCORD: "Discord messages",
    Format.EXPORT: "export of this project",
}
_WORDS = _SHAPES | {
    Format.AUTO: "as its name and content say",
    Format.CSV: "CSV",
    Format.TSV: "CSV",
    Format.JSON: "JSON",
    Format.JSONL: "JSON",
    Format.PARQUET: "Parquet",
    Format.ARROW: "Arrow",
    Format.FOLDER: "dataset folder",
    Format.HUB: "data set of the hub",
}
_ENDINGS = {
    ".csv": Format.CSV,
    ".tsv": Format.TSV,
    ".tab": Format.TSV,
    ".json": Format.JSON,
    ".jsonl": Format.JSONL,
    ".ndjson": Format.JSONL,
    ".parquet": Format.PARQUET,
    ".arrow": Format.ARROW,
}


def container_of(path: Path, wanted: Format) -> Format:
    """How the source holds its rows: as `wanted` if that says so, else by the name.

    Raises DatasetError if the name does not say it.
    """
    if not wanted.is_shape and wanted is not Format.AUTO:
        return wanted
    if path.is_dir():
        return Format.FOLDER
    plain = unpacked_name(path)
    # Dumps are often called RC_2015-01.zst and the like.
    default = Format.JSONL if plain != path or wanted.is_shape else None
    kind = _ENDINGS.get(plain.suffix.lower(), default)
    if kind in (Format.PARQUET, Format.ARROW) and plain != path:
        raise DatasetError(f"{path} is a packed table: unpack it first")
    if kind in (None, Format.JSONL) and not path.exists() and is_hub_name(str(path)):
        kind = Format.HUB if plain.suffix.lower() not in _ENDINGS else kind
    if kind is None:
        raise DatasetError(
            f"{path} does not end in {', '.join(_ENDINGS)} or .gz, .bz2, .xz, .zst: say what it is "
            "with --format"
        )
    return kind


def shape_of(item: Mapping[str, Any], columns: Columns) -> Format:
    """What the rows of a source are, judged by the first one.

    Whoever names the columns of comment or reply means pairs.
    """
    keys = {key.strip().casefold() for key in item}
    if columns.comment is not None or columns.reply is not None:
        return Format.PAIRS
    if "comment" in keys and keys & {"reply", "response"}:
        return Format.PAIRS
    found = dict(item)
    checks = (
        (Format.EXPORT, keys >= {"answer_id", "rating"}),
        (Format.REDDIT, keys >= {"body", "parent_id"} or is_submission(found)),
        (Format.DISCORD, is_discord_message(found)),
        (Format.OPENASSISTANT, is_openassistant(found)),
        (Format.SHAREGPT, "conversations" in keys),
        (Format.CHAT, "messages" in keys),
        (Format.ALPACA, "instruction" in keys and keys & {"output", "response"}),
        (Format.PROMPT_COMPLETION, "prompt" in keys and keys & {"completion", "response"}),
    )
    return next((shape for shape, fits in checks if fits), Format.PAIRS)
