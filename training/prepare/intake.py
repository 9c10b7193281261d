"""Taking in the rows of a source: each is judged, and each different one is kept once."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from pathlib import Path

from model.loading.manifest import file_sha256
from training.prepare.card import DropCount, Source, ToleratedCount
from training.prepare.cleaning.source_cleaner import SourceCleaner
from training.prepare.provenance import Provenance
from training.prepare.rules import KeptRow, RowRules, judge
from training.prepare.spill import Spill
from training.sources.formats import Format
from training.sources.rated import CONSENT, LOCAL
from training.sources.reading import Opened
from training.sources.reasons import DroppedRow, DropReason

_REPORT_EVERY = 20_000
_EXAMPLES = 3
_EXAMPLE_WIDTH = 80

Report = Callable[[str], None]


class GroupBy(StrEnum):
    """What keeps rows on one side; rows for which it is unknown are grouped by near texts."""

    THREAD = "thread"
    AUTHOR = "author"
    TEXT = "text"


class DropTally:
    """Counts the dropped rows for each reason and keeps the first three as examples."""

    def __init__(self) -> None:
        self._rows: Counter[DropReason] = Counter()
        self._examples: defaultdict[DropReason, list[str]] = defaultdict(list)

    def add(self, row: DroppedRow) -> None:
        """Count one dropped row."""
        self._rows[row.reason] += 1
        if len(self._examples[row.reason]) < _EXAMPLES:
            text = " ".join(row.text.split())
            if len(text) > _EXAMPLE_WIDTH:
                text = text[: _EXAMPLE_WIDTH - 1] + "…"
            self._examples[row.reason].append(f"{row.place}: {text}" if text else row.place)

    def counts(self, asked: Iterable[DropReason]) -> tuple[DropCount, ...]:
        """The counts of the reasons in `asked` and of all others that dropped a row, in order."""
        wanted = {*asked, *self._rows}
        return tuple(
            DropCount(
                step=reason,
                why=reason.why,
                rows=self._rows[reason],
                examples=tuple(self._examples[reason]),
            )
            for reason in DropReason
            if reason in wanted
        )


@dataclass(frozen=True, slots=True)
class SourceIntake:
    """How rows are judged, and where they go.

    Kept rows go into `spill`, dropped ones are counted in `tally`. `cleaner` cleans their texts.
    """

    rules: RowRules
    group_by: GroupBy
    spill: Spill
    tally: DropTally
    cleaner: SourceCleaner

    def take(
        self, path: Path, opened: Opened, origin: Provenance, prefix: str, report: Report
    ) -> Source:
        """Take in the rows of one source and return its record for the card.

        `origin` is where its texts come from, with the permission to train on them. `prefix` is put
        before the places of its rows. Raises DatasetError.
        """
        count, name = 0, _name(path, opened)
        with closing(opened.rows) as rows:
            ready = self.cleaner.ready(name, opened.format, rows, prefix)
            for count, row in enumerate(ready, start=1):
                is_dropped = isinstance(row, DroppedRow)
                judged = row if is_dropped else judge(row, self.rules, self.cleaner)
                dropped = judged if isinstance(judged, DroppedRow) else self._keep(judged)
                if dropped is not None:
                    place = prefix + dropped.place
                    self.tally.add(DroppedRow(dropped.reason, place, dropped.text))
                if count % _REPORT_EVERY == 0:
                    report(f"{path}: {count:,} rows read")
        if opened.hub is not None:
            content = sha256(name.encode()).hexdigest()
        else:
            content = _content_sha256(path)
        return Source(
            path=name,
            format=opened.format,
            sha256=content,
            rows=count,
            discord=origin.discord,
            permission=origin.permission,
            exports=origin.exports,
            detected=opened.detected,
            tolerated=tuple(
                ToleratedCount(what=one.what, places=one.count, examples=one.examples)
                for one in opened.faults.tolerated
            ),
        )

    def _keep(self, row: KeptRow) -> DroppedRow | None:
        """Put the row onto the disk; the dropped row if it was there before."""
        group = {GroupBy.THREAD: row.thread, GroupBy.AUTHOR: row.author}.get(self.group_by)
        if self.spill.add(row, group):
            return None
        return DroppedRow(DropReason.EXACT, row.place, row.pair.comment)


def export_consent(sources: Sequence[Source]) -> str | None:
    """What the card says of consent where all sources are exports of this project; else None."""
    if any(source.format != Format.EXPORT for source in sources):
        return None
    return CONSENT if any(source.discord for source in sources) else LOCAL


def _content_sha256(path: Path) -> str:
    """The hash of a file's bytes, or of the names and hashes of all files in a folder."""
    if not path.is_dir():
        return file_sha256(path)
    digest = sha256()
    for file in sorted(one for one in path.rglob("*") if one.is_file()):
        digest.update(f"{file.relative_to(path).as_posix()} {file_sha256(file)}\n".encode())
    return digest.hexdigest()


def _name(path: Path, opened: Opened) -> str:
    """The source for the card: a data set of the hub with its commit, or a path."""
    if opened.hub is not None:
        return f"{opened.hub.id}@{opened.hub.commit}"
    return _shown(path)


def _shown(source: Path) -> str:
    """The path for the card: relative to the working folder if it lies there, else the name."""
    try:
        return source.resolve().relative_to(Path.cwd()).as_posix()
    except ValueError:
        return source.name
