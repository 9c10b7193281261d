"""Choosing the reader for a source: a file, a folder, or a data set of the hub."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, islice
from pathlib import Path

from data.errors import DatasetError
from training.scratch import ReplyIndex
from training.sources.csv_file import TableStyle, open_table, table_pairs
from training.sources.discord import DiscordIndex, is_other_export
from training.sources.formats import Format, container_of, shape_of
from training.sources.learned import ROW_FLAGS, is_learned, says_unlearned, unlearned
from training.sources.objects import Placed, objects
from training.sources.openassistant import read_openassistant
from training.sources.packed import packing_words
from training.sources.pairs import Columns, read_alpaca, read_pair, read_prompt_completion
from training.sources.rated import RatingThresholds, read_rated
from training.sources.reasons import DroppedRow, Faults
from training.sources.reddit import RedditIndex
from training.sources.row import SourceRow, SourceRows
from training.sources.tables import HubDataset, find_on_hub, folder_rows, hub_rows, table_rows

_TABLES = (Format.PARQUET, Format.ARROW, Format.FOLDER, Format.HUB)
_OTHERS_IN_TEXT = (Format.ALPACA, Format.PROMPT_COMPLETION, Format.OPENASSISTANT)


@dataclass(frozen=True, slots=True)
class Reading:
    """How to read a source; what is left out is found by its name, header and first object.

    `strict` True refuses whatever is wrong in a source. False drops and counts what costs a row.
    None does so for dumps, which nobody can mend, and refuses broken rows of other files.
    """

    format: Format = Format.AUTO
    columns: Columns = field(default_factory=Columns)
    encoding: str | None = None
    lenient_quotes: bool = False
    thresholds: RatingThresholds = field(default_factory=RatingThresholds)
    strict: bool | None = None
    delimiter: str | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """A source that is about to be read.

    `detected` says in words as what it is read. `hub` is the data set of the hub, if it is one.
    `faults` fills while the rows are read.
    """

    format: Format
    rows: SourceRows
    detected: str
    faults: Faults
    hub: HubDataset | None = None

    @property
    def is_discord(self) -> bool:
        """Whether its texts are message content of Discord, to which its developer policy applies.

        That policy holds wherever the file comes from.
        """
        return self.format is Format.DISCORD


@contextmanager
def open_sources(
    paths: Sequence[Path], reading: Reading, scratch: Path
) -> Generator[tuple[Opened, ...]]:
    """Begin to read several sources; what does not fit in memory goes into the folder `scratch`.

    A path is a file, a dataset folder, or the name of a data set of the hub (`owner/name`, or
    `owner/name@revision`), if there is no such file. Of data sets with splits all rows are read.
    Replies in one dump find what they reply to in another. Raises DatasetError, here or while the
    rows are read.
    """
    with closing(_Sources(reading, scratch)) as sources:
        yield tuple(map(sources.open, paths))


class _Sources:
    """The sources that are read together, with what they share."""

    def __init__(self, reading: Reading, scratch: Path) -> None:
        self._reading, self._scratch = reading, scratch
        self._indexes = (ReplyIndex(scratch), ReplyIndex(scratch))
        self._reddit, self._discord = RedditIndex(self._indexes[0]), DiscordIndex(self._indexes[1])

    def close(self) -> None:
        for index in self._indexes:
            index.close()

    def open(self, path: Path) -> Opened:
        container = container_of(path, self._reading.format)
        if container in (Format.CSV, Format.TSV):
            return self._open_text_table(path, container)
        if container in _TABLES:
            return self._open_table(path, container)
        return self._open_objects(path, container)

    def _open_objects(self, path: Path, container: Format) -> Opened:
        reading, where = self._reading, str(path)
        by_line = container is Format.JSONL or reading.format is Format.REDDIT
        read = partial(objects, path, reading.encoding, by_line=by_line)
        shape = reading.format
        if not shape.is_shape:
            # The first look is patient, since the first line of a dump may be a broken one.
            patient = Faults(where, strict=bool(reading.strict))
            shape = self._shape(list(islice(read(patient), 1)))
        strict = reading.strict
        if strict is None and shape in (Format.REDDIT, Format.DISCORD):
            strict = False
        faults = Faults(where, strict=strict)
        return self._opened(path, (container, shape), read(faults), faults, packing_words(path))

    def _open_table(self, path: Path, container: Format) -> Opened:
        hub = None
        if container is Format.HUB:
            hub = find_on_hub(str(path))
            items = hub_rows(hub, self._scratch)
        elif container is Format.FOLDER:
            items = folder_rows(path, self._scratch)
        else:
            items = table_rows(path, container, self._scratch)
        head = list(islice(items, 1))
        faults = Faults(str(path), strict=self._reading.strict)
        formats = (container, self._shape(head))
        return self._opened(path, formats, chain(head, items), faults, (), hub)

    def _open_text_table(self, path: Path, container: Format) -> Opened:
        reading = self._reading
        faults = Faults(str(path), strict=reading.strict)
        style = TableStyle(reading.encoding, reading.delimiter, reading.lenient_quotes)
        table = open_table(path, style, faults)
        header = {name.strip().casefold() for name in table.header}
        if is_other_export(header):
            raise DatasetError(
                f"{path} is an export of Discord that does not say what a message replies to: "
                "export the channel as JSON with DiscordChatExporter"
            )
        formats = (container, self._shape([("header", dict.fromkeys(header))]))
        if formats[1] in _OTHERS_IN_TEXT:
            table.refuse_twice(path)
            return self._opened(path, formats, table.rows, faults, table.words(path))
        rows = table_pairs(path, table, reading.columns, faults)
        detected = ", ".join((container.words, *table.words(path), Format.PAIRS.words))
        return Opened(container, _with_broken(rows, faults), detected, faults)

    def _shape(self, head: list[Placed]) -> Format:
        """What the objects are, as the user or else the first one says."""
        if self._reading.format.is_shape:
            return self._reading.format
        return shape_of(head[0][1], self._reading.columns) if head else Format.PAIRS

    def _opened(
        self,
        path: Path,
        formats: tuple[Format, Format],
        items: Iterator[Placed],
        faults: Faults,
        words: Sequence[str],
        hub: HubDataset | None = None,
    ) -> Opened:
        container, shape = formats
        rows = self._convert(path, shape, items, faults)
        return Opened(
            shape if shape.is_named else container,
            _with_broken(rows, faults),
            ", ".join((container.words, *words, shape.words)),
            faults,
            hub,
        )

    def _convert(
        self, path: Path, shape: Format, items: Iterator[Placed], faults: Faults
    ) -> SourceRows:
        reading = self._reading
        if shape is Format.REDDIT:
            return self._reddit.read(items, faults)
        if shape is Format.DISCORD:
            return self._discord.read(items, faults)
        if shape is Format.EXPORT:
            return read_rated(path, items, reading.thresholds, self._scratch)
        if shape is Format.OPENASSISTANT:
            return read_openassistant(items, faults)

        def convert(
            where: str, place: str, item: dict[str, object]
        ) -> Iterator[SourceRow | DroppedRow]:
            thread = f"{path.name}: {place}"
            rows = read_pair(where, place, thread, item, reading.columns)
            if shape is Format.ALPACA:
                rows = read_alpaca(where, place, item)
            elif shape is Format.PROMPT_COMPLETION:
                rows = read_prompt_completion(where, place, thread, item)
            elif shape is Format.PAIRS:
                return unlearned(rows) if says_unlearned(item.get("weight")) else rows
            return rows if is_learned(where, item, ROW_FLAGS, "") else unlearned(rows)

        return faults.each(items, convert)


def _with_broken(rows: SourceRows, faults: Faults) -> SourceRows:
    """The rows, and one for each that was dropped since it cannot be read."""
    with closing(rows):
        for row in rows:
            yield from faults.dropped()
            yield row
        yield from faults.dropped()
