"""The card beside a prepared data set: where it comes from and what every step dropped."""

from hashlib import sha256
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from training.errors import PreparedDataError
from training.prepare.sides import Side

CARD = "card.json"


class Record(BaseModel):
    """A part of the card."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(Record):
    """A file the pairs come from; `rows` is how many it gave, before anything was dropped."""

    path: str
    format: str
    sha256: str
    rows: int


class Dropped(Record):
    """What one step took out, with a few of the texts as examples."""

    step: str
    why: str
    rows: int
    examples: tuple[str, ...]


class SideRecord(Record):
    """One side's file. A group is a thread, an author, or rows with near texts."""

    rows: int
    groups: int
    sha256: str


class Card(Record):
    """Everything about a prepared folder; the same input and options give the same bytes."""

    format: Literal[2] = 2
    sources: tuple[Source, ...]
    licence: str | None = None
    consent: str | None = None
    seed: int
    similarity: float
    near_search: Literal["exact", "minhash"] = "exact"
    options: dict[str, str | int | float | None] = {}
    dropped: tuple[Dropped, ...]
    sides: dict[Side, SideRecord]

    @property
    def rows(self) -> int:
        """How many rows all sources gave."""
        return sum(source.rows for source in self.sources)

    @property
    def source(self) -> Source:
        """All sources as one: its hash is of their hashes where there are several."""
        if len(self.sources) == 1:
            return self.sources[0]
        return Source(
            path=", ".join(source.path for source in self.sources),
            format=", ".join(sorted({source.format for source in self.sources})),
            sha256=sha256(" ".join(s.sha256 for s in self.sources).encode()).hexdigest(),
            rows=self.rows,
        )


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
