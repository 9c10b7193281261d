"""The manifest beside an export: what is in it, what was left out and why, and who permitted it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

PERMISSION_VARIABLE = "DISCORD_TRAINING_PERMISSION"
"""The setting that holds the reference of Discord's permission to train on messages."""

LOCAL_ORIGINS = ("terminal", "pipe")
"""The front ends of this machine; what came through any other one is Discord's."""


class LeftOut(StrEnum):
    """Why a rating is not exported, in the order in which the reasons are looked for."""

    FORGOTTEN = "forgotten"
    PERMISSION = "no permission"
    ASKER = "asker did not agree"
    RATER = "rater did not agree"

    @property
    def why(self) -> str:
        """The reason as the end of a sentence about ratings that were left out."""
        return _WHY[self]


_WHY = {
    LeftOut.FORGOTTEN: "the answer's text was forgotten",
    LeftOut.PERMISSION: "they are about answers on Discord, which forbids training on messages "
    f"unless it has permitted it: {PERMISSION_VARIABLE} is not set",
    LeftOut.ASKER: "whoever asked on Discord did not agree to training",
    LeftOut.RATER: "whoever rated on Discord did not agree to training, or was forgotten",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportManifest:
    """What is written beside an export.

    `id` stands in every line of the export, `database` is a keyed hash that names the database,
    and `sha256` is of the export's bytes. `permission` is the reference of Discord's permission,
    None where none was recorded. `ratings` counts the lines, `discord_ratings` those of them about
    answers on Discord, `left_out` the ratings that are missing for each reason. `answers` are the
    ids of the answers in it, in the database's numbers.
    """

    id: str
    created: datetime
    database: str
    file: str
    sha256: str
    permission: str | None
    ratings: int
    discord_ratings: int
    left_out: Mapping[LeftOut, int]
    answers: tuple[int, ...]

    def to_json(self) -> str:
        """Return the text of the manifest's file."""
        fields = {"kind": "fungpt export", "format": 1} | asdict(self)
        fields["created"] = self.created.isoformat()
        return json.dumps(fields, ensure_ascii=False, indent=2) + "\n"


def manifest_path(out: Path) -> Path:
    """Return where the manifest of the export `out` lies: beside it."""
    return out.with_name(f"{out.name}.manifest.json")
