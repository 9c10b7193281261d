"""The card beside a prepared data set, for programs (card.json) and for people (CARD.md).

It says where the pairs come from, how they were prepared and why rows were dropped.
"""

from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from model.loading.manifest import file_sha256
from training.artifacts.markdown import code, table
from training.errors import PreparedDataError
from training.prepare.cleaning.record import EncodingRecord, RuleRecord
from training.prepare.sides import Side

CARD = "card.json"
PAGE = "CARD.md"
_TOO_LONG = (
    "How many rows are longer than a recipe's `max_tokens` depends on the base's tokenizer: the "
    "`CARD.md` of an adapter that was trained on them says it."
)


class CardPart(BaseModel):
    """A part of the card."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ToleratedCount(CardPart):
    """What was mended or passed over in a source, at how many places, and the first of them."""

    what: str
    places: int
    examples: tuple[str, ...]


class Source(CardPart):
    """A file, a dataset folder or a data set of the hub (`owner/name@commit`) with pairs.

    `detected` says as what it was read. `rows` counts what it held before anything was dropped,
    rows that cannot be read included. `sha256` is of a file's bytes, of the names and hashes of a
    folder's files, or of the data set's name and commit. `discord` says what made it where it is
    Discord content, and `permission` is the reference of Discord's permission to train on it.
    `exports` are the ids of this project's exports in it.
    """

    path: str
    format: str
    sha256: str
    rows: int
    discord: str | None = None
    permission: str | None = None
    exports: tuple[str, ...] = ()
    detected: str = ""
    tolerated: tuple[ToleratedCount, ...] = ()

    @property
    def needs_permission(self) -> bool:
        """Whether it is Discord content, or may be, without a permission.

        Cards of older versions do not say what of an export is from Discord.
        """
        is_old_export = self.format == "export" and not self.exports
        return (self.discord is not None or is_old_export) and not self.permission


class DropCount(CardPart):
    """How many rows were dropped for one reason (`step`), with a few of their texts."""

    step: str
    why: str
    rows: int
    examples: tuple[str, ...]


class SideRecord(CardPart):
    """The file of one side. A group is a thread, an author, or rows with near texts."""

    rows: int
    groups: int
    sha256: str


class Card(CardPart):
    """The whole card; the same input and options give the same bytes.

    Cards of before have no `encodings` and no `cleaning`.
    """

    format: Literal[2] = 2
    sources: tuple[Source, ...]
    licence: str | None = None
    consent: str | None = None
    seed: int
    similarity: float
    near_search: Literal["exact", "minhash"] = "exact"
    options: dict[str, str | int | float | None] = {}
    encodings: tuple[EncodingRecord, ...] = ()
    cleaning: tuple[RuleRecord, ...] = ()
    dropped: tuple[DropCount, ...]
    sides: dict[Side, SideRecord]

    @property
    def rows(self) -> int:
        """How many rows all sources held."""
        return sum(source.rows for source in self.sources)

    @property
    def permission(self) -> str | None:
        """The references of Discord's permission, if any source needed one."""
        return ", ".join(sorted({s.permission for s in self.sources if s.permission})) or None

    @property
    def exports(self) -> tuple[str, ...]:
        """The ids of this project's exports in it, and the hashes of the files they stood in."""
        return tuple(
            dict.fromkeys(
                name for s in self.sources if s.exports for name in (*s.exports, s.sha256)
            )
        )

    @property
    def source(self) -> Source:
        """All sources as one. The hash of several sources is the hash of their hashes."""
        if len(self.sources) == 1:
            return self.sources[0]
        return Source(
            path=", ".join(source.path for source in self.sources),
            format=", ".join(sorted({source.format for source in self.sources})),
            sha256=sha256(" ".join(s.sha256 for s in self.sources).encode()).hexdigest(),
            rows=self.rows,
        )


def write_card(folder: Path, card: Card) -> None:
    """Write card.json into a prepared folder. Raises OSError."""
    (folder / CARD).write_text(card.model_dump_json(indent=2) + "\n", encoding="utf-8")


def write_page(folder: Path, card: Card) -> None:
    """Write CARD.md into a prepared folder. Raises OSError."""
    (folder / PAGE).write_text("\n".join(_page(card)) + "\n", encoding="utf-8")


def read_card(folder: Path) -> Card:
    """The card of a prepared folder. Raises PreparedDataError if it is missing or damaged."""
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


def check_permission(folder: Path, card: Card) -> None:
    """Raise PreparedDataError if the card of a folder has Discord content without a permission."""
    for source in card.sources:
        if source.needs_permission:
            raise PreparedDataError(
                f"{folder / CARD}: {source.path} is Discord content without Discord's permission"
                " to train on it: prepare the data again, with the permission or without it"
            )


def check_sides(folder: Path, card: Card, sides: Iterable[Side]) -> None:
    """Raise PreparedDataError if the file of one of these sides is not the one on the card.

    An adapter's manifest and an unfinished training take the card's word for it. Raises OSError if
    there is no such file.
    """
    for side in sides:
        path = folder / f"{side}.jsonl"
        if file_sha256(path) != card.sides[side].sha256:
            raise PreparedDataError(
                f"{path} was changed since it was prepared, and {CARD} does not know it: prepare "
                "the data again, also from an edited file"
            )


def _page(card: Card) -> Iterator[str]:
    """The lines of the page, in Markdown."""
    kept = sum(side.rows for side in card.sides.values())
    yield from ("# Prepared pairs", "", f"{kept:,} of {card.rows:,} rows were kept.", "")
    yield from table(
        ("source", "format", "rows", "sha256"),
        ((s.path, s.format, f"{s.rows:,}", s.sha256[:16]) for s in card.sources),
    )
    yield from _reading(card)
    yield from (f"Licence: {card.licence or 'not stated'}.", "")
    yield from (f"Consent: {card.consent or 'not stated'}.", "")
    for source in card.sources:
        if source.discord:
            yield f"{source.path} is Discord content ({source.discord}). Discord permitted training"
            yield from (f"on it: {source.permission or 'no permission is recorded'}.", "")
    yield from ("## Sides", "")
    yield from table(
        ("side", "rows", "groups", "sha256"),
        ((n, f"{s.rows:,}", f"{s.groups:,}", s.sha256[:16]) for n, s in card.sides.items()),
    )
    yield "Rows of one group (a thread, an author, or near texts) share a side; no text is on two."
    yield from ("", _TOO_LONG, "", *_cleaning(card), "## Dropped", "")
    yield from table(
        ("step", "rows", "why"), ((d.step, f"{d.rows:,}", d.why) for d in card.dropped)
    )
    for dropped in card.dropped:
        if dropped.examples:
            yield from (f"### {dropped.step}", "")
            yield from (f"- {code(example)}" for example in dropped.examples)
            yield ""
    yield from ("## Options", "")
    shown = {"seed": card.seed, "similarity": card.similarity, "near search": card.near_search}
    yield from table(
        ("option", "value"),
        ((name, str(value)) for name, value in (shown | card.options).items()),
    )


def _cleaning(card: Card) -> Iterator[str]:
    """What each rule changed, and which encodings were undone in which source."""
    if not card.cleaning:
        return
    yield from ("## Cleaning", "")
    yield from table(
        ("rule", "texts", "what it does"),
        ((r.rule, f"{r.texts:,}" if r.is_on else "off", r.rule.what) for r in card.cleaning),
    )
    yield from table(
        ("source", "encoding", "undone", "texts with it", "texts against it"),
        (
            (one.source, one.rule, f"{'yes' if one.undone else 'no'}: {one.why}",
             _counted(one.texts), _counted(one.against))
            for one in card.encodings
        ),
    )  # fmt: skip
    for rule in card.cleaning:
        if rule.examples:
            yield from (f"### {rule.rule}", "")
            yield from (
                f"- {one.place}: {code(one.before)} → {code(one.after) or 'nothing'}"
                for one in rule.examples
            )
            yield ""


def _counted(count: int | None) -> str:
    return "" if count is None else f"{count:,}"


def _reading(card: Card) -> Iterator[str]:
    """How each source was read, and what was mended or passed over in it."""
    found = [source for source in card.sources if source.detected or source.tolerated]
    for source in found:
        yield f"- `{source.path}` was read as: {source.detected or source.format}."
        for one in source.tolerated:
            yield f"  - {one.what}: {one.places:,} times, the first at {', '.join(one.examples)}."
    if found:
        yield ""
