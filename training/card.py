"""The card beside a prepared data set: where it comes from and what every step dropped."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from training.errors import PreparedDataError
from training.split import Side

CARD = "card.json"


class Record(BaseModel):
    """A part of the card."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(Record):
    """The file the pairs come from."""

    path: str
    sha256: str
    rows: int


class Dropped(Record):
    """What one step took out, with a few of the comments as examples."""

    step: str
    why: str
    rows: int
    examples: tuple[str, ...]


class SideRecord(Record):
    """One side's file."""

    rows: int
    groups: int
    sha256: str


class Card(Record):
    """Everything about a prepared folder; the same input and options give the same bytes."""

    format: int = 1
    source: Source
    seed: int
    similarity: float
    dropped: tuple[Dropped, ...]
    sides: dict[Side, SideRecord]


def write_card(folder: Path, card: Card) -> None:
    """Write the card into a prepared folder."""
    (folder / CARD).write_text(card.model_dump_json(indent=2) + "\n", encoding="utf-8")


def read_card(folder: Path) -> Card:
    """The card of a prepared folder; PreparedDataError when there is none, or a broken one."""
    path = folder / CARD
    try:
        return Card.model_validate_json(path.read_bytes())
    except OSError as error:
        raise PreparedDataError(
            f"{path} cannot be read ({error.strerror}): make the folder with "
            "`python -m training prepare`"
        ) from error
    except ValidationError as error:
        detail = error.errors()[0]
        place = ".".join(map(str, detail["loc"])) or "the file"
        raise PreparedDataError(f"{path}: {place}: {detail['msg']}: prepare it again") from error
