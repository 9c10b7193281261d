"""Whether a source is Discord content, and whether it may be trained on.

Discord forbids training models on message content got through its API unless it has expressly
permitted it (Discord Developer Policy, in force since July 2024), wherever a file comes from.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from data.errors import DatasetError
from data.files.export_manifest import LOCAL_ORIGINS, PERMISSION_VARIABLE
from training.errors import PreparationError, PreparedDataError
from training.prepare.card import CARD, Card, read_card
from training.prepare.sides import Side
from training.sources.csv_file import TableStyle, open_table
from training.sources.lines import lines
from training.sources.objects import Placed, objects
from training.sources.reading import Opened
from training.sources.reasons import Faults
from training.sources.row import is_nothing
from training.sources.tables import HubDataset, hub_rows, table_kind, table_rows

EXPORT = "an export of this bot"
EXPORTER = "DiscordChatExporter"
PACKAGE = "Discord's data package"
API = "messages as Discord's API gives them"
STORED = "what this bot stores of a person"
_START = 1 << 16  # characters of a file that are looked at
_ROWS = 20  # of a table or of each split that are looked at
_TABLES = {".parquet": "parquet", ".arrow": "arrow"}
_SNOWFLAKE = r'"?\d{15,20}\b'
# What stands, in any order, near the beginning of JSON from Discord. A quotation mark inside a
# text is escaped there, so what people wrote does not look like a key.
_KEYS = (
    (EXPORT, (r'"answer_id"\s*:', r'"rating"\s*:')),
    (EXPORTER, (r'"guild"\s*:\s*\{', r'"channel"\s*:\s*\{', r'"messages"\s*:\s*\[')),
    (PACKAGE, (rf'"ID"\s*:\s*{_SNOWFLAKE}', r'"Timestamp"\s*:', r'"Contents"\s*:')),
    (API, (rf'"channel_id"\s*:\s*{_SNOWFLAKE}', r'"author"\s*:\s*\{', r'"content"\s*:')),
    (STORED, (r'"front_end"\s*:\s*"discord"', r'"prompt"\s*:')),
    (API, (r'"discriminator"\s*:\s*"\d{1,4}"', r'"content"\s*:')),
)
_COLUMNS = (
    (EXPORT, {"answer_id", "rating"}),
    (EXPORTER, {"authorid", "author", "date", "content"}),
    (PACKAGE, {"id", "timestamp", "contents", "attachments"}),
)


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where the texts of a source come from, as far as that can be recognised.

    `discord` says what made it where it is Discord content. `permission` is the reference of
    Discord's permission that stands in it, and `agreed` whether the people in it are known to
    have agreed. `exports` are the ids of this project's exports in it.
    """

    discord: str | None = None
    permission: str | None = None
    agreed: bool = False
    exports: tuple[str, ...] = ()

    def read_as(self, opened: Opened) -> "Provenance":
        """The same, or Discord content if the reader of the source says so."""
        if self.discord is not None or not opened.is_discord:
            return self
        return replace(self, discord=opened.detected)


def provenance_of(
    path: Path, encoding: str | None, scratch: Path, hub: HubDataset | None = None
) -> Provenance:
    """Recognise Discord content by its keys and columns, whatever it is to be read as.

    Of an export of this bot every line is looked at, of other files the beginning, of a folder each
    file, and of `hub`, which `path` then names, the beginning of each split. A side of prepared
    data is what its card says. Nothing is recognised in what cannot be read.
    """
    try:
        if hub is not None:
            return _of_rows(lambda first: hub_rows(hub, scratch, first))
        if path.is_dir():
            return _of_folder(path, encoding, scratch)
        if kind := _table_kind(path):
            return _of_rows(lambda first: islice(table_rows(path, kind, scratch), first))
        if (path.parent / CARD).is_file() and path.name in {f"{side}.jsonl" for side in Side}:
            return _of_card(read_card(path.parent))
        start = _start(path, encoding)
        if (made_by := _recognised(start)) != EXPORT:
            return Provenance(made_by)
        if start.lstrip()[:1] not in ("{", "["):
            return _of_text_table(path, encoding)
        return _of_export(objects(path, encoding))
    except (DatasetError, PreparedDataError):
        return Provenance()  # reading it says what is wrong


def permitted(
    path: Path, found: Provenance, recorded: str | None, consent: str | None
) -> Provenance:
    """The provenance with the reference of Discord's permission, which only Discord content needs.

    The reference stands in the source itself or is `recorded` in the settings. `consent` is what
    the people in a foreign file agreed to. Raises PreparationError where one of them is missing.
    """
    if found.discord is None:
        return replace(found, permission=None)
    reference = found.permission or recorded
    if not reference:
        raise PreparationError(
            f"{path} is Discord content ({found.discord}), and Discord forbids training on messages"
            f" unless it has permitted it: set {PERMISSION_VARIABLE} to the reference of its"
            " permission, or leave this source out"
        )
    if not (found.agreed or consent):
        raise PreparationError(
            f"{path} is Discord content ({found.discord}): say with --consent what the people in it"
            " agreed to, or leave this source out"
        )
    return replace(found, permission=reference)


def _of_folder(path: Path, encoding: str | None, scratch: Path) -> Provenance:
    files = sorted(one for one in path.rglob("*") if one.is_file())
    return _together([provenance_of(file, encoding, scratch) for file in files])


def _together(found: Sequence[Provenance]) -> Provenance:
    """What holds of several files: one that lacks a permission or a consent lacks it for all."""
    discord = [one for one in found if one.discord is not None]
    references = {one.permission for one in discord}
    return Provenance(
        discord=", ".join(sorted({one.discord for one in discord if one.discord})) or None,
        permission=None if None in references else ", ".join(sorted(map(str, references))) or None,
        agreed=all(one.agreed for one in discord),
        exports=tuple(dict.fromkeys(name for one in found for name in one.exports)),
    )


def _of_card(card: Card) -> Provenance:
    discord = {one.discord or EXPORT for one in card.sources if one.discord or one.needs_permission}
    lacks = any(one.needs_permission for one in card.sources)
    return Provenance(
        discord=", ".join(sorted(discord)) or None,
        permission=None if lacks else card.permission,
        agreed=True,
        exports=tuple(dict.fromkeys(name for one in card.sources for name in one.exports)),
    )


def _of_rows(rows: Callable[[int | None], Iterator[Placed]]) -> Provenance:
    """What rows are, of which `rows` gives the first so many of each split, or all."""
    for _, item in rows(_ROWS):
        if (made_by := _recognised(json.dumps(item, default=str))) is not None:
            return _of_export(rows(None)) if made_by == EXPORT else Provenance(made_by)
    return Provenance()


def _of_text_table(path: Path, encoding: str | None) -> Provenance:
    """What the stamps of an export say whose lines were put into a table of text."""
    table = open_table(path, TableStyle(encoding, lenient=True), Faults(str(path), strict=False))
    names = {name: name.strip().casefold() for name in table.header}
    if "origin" not in names.values():
        return Provenance(EXPORT)
    return _of_export(
        (place, {names[name]: value for name, value in row.items() if not is_nothing(value)})
        for place, row in table.rows
    )


def _of_export(items: Iterator[Placed]) -> Provenance:
    """What the stamps of an export's lines say. Lines of older versions have none."""
    references: set[object] = set()
    exports: dict[str, None] = {}
    for _, item in items:
        if item.get("origin") not in LOCAL_ORIGINS:
            references.add(item.get("permission"))
        if isinstance(name := item.get("export"), str):
            exports[name] = None
    known = [one for one in references if isinstance(one, str) and one]
    return Provenance(
        discord=EXPORT if references else None,
        permission=(", ".join(sorted(known)) or None) if len(known) == len(references) else None,
        agreed=True,
        exports=tuple(exports),
    )


def _table_kind(path: Path) -> str | None:
    """What kind of table the file is by its first bytes or else by its name, if it is one."""
    try:
        with path.open("rb") as file:
            start = file.read(8)
    except OSError:
        start = b""
    return table_kind(start) or _TABLES.get(path.suffix.lower())


def _start(path: Path, encoding: str | None) -> str:
    parts, size = list[str](), 0
    for line in lines(path, encoding):
        parts.append(line)
        size += len(line)
        if size >= _START:
            break
    return "".join(parts)[:_START]


def _recognised(start: str) -> str | None:
    for made_by, keys in _KEYS:
        if all(re.search(key, start) for key in keys):
            return made_by
    for line in start.splitlines()[:2]:  # Excel may put `sep=,` before the header
        columns = {cell.strip(' "\ufeff').casefold() for cell in re.split(r"[,;\t]", line[:1000])}
        for made_by, known in _COLUMNS:
            if known <= columns:
                return made_by
    return None
