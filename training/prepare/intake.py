"""Taking in the rows of a source: each is judged, and each different one is kept once."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from pathlib import Path

from model.loading.manifest import file_sha256
from training.prepare.card import DropCount, Source, ToleratedCount
from training.prepare.rules import KeptRow, RowRules, judge
from training.prepare.spill import Spill
from training.sources.formats import Format
from training.sources.reading import Opened
from training.sources.reasons import DropReason
from training.sources.row import DroppedRow

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

    Kept rows go into `spill`, dropped ones are counted in `tally`.
    """

    rules: RowRules
    group_by: GroupBy
    spill: Spill
    tally: DropTally

    def take(self, path: Path, opened: Opened, prefix: str, report: Report) -> Source:
        """Take in the rows of one source and return its record for the card.

        `prefix` is put before the places of its rows. Raises DatasetError.
        """
        count = 0
        with closing(opened.rows) as rows:
            for count, row in enumerate(rows, start=1):
                judged = row if isinstance(row, DroppedRow) else judge(row, self.rules)
                dropped = judged if isinstance(judged, DroppedRow) else self._keep(judged)
                if dropped is not None:
                    place = prefix + dropped.place
                    self.tally.add(DroppedRow(dropped.reason, place, dropped.text))
                if count % _REPORT_EVERY == 0:
                    report(f"{path}: {count:,} rows read")
        if opened.commit is not None:
            name = f"{str(path).partition('@')[0]}@{opened.commit}"
            content = sha256(name.encode()).hexdigest()
        else:
            name, content = _shown(path), _content_sha256(path)
        return Source(
            path=name,
            format=opened.format,
            sha256=content,
            rows=count,
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


def is_export(source: Source) -> bool:
    """Whether the file is an export of this project."""
    return source.format == Format.EXPORT


def _content_sha256(path: Path) -> str:
    """The hash of a file's bytes, or of the names and hashes of all files in a folder."""
    if not path.is_dir():
        return file_sha256(path)
    digest = sha256()
    for file in sorted(one for one in path.rglob("*") if one.is_file()):
        digest.update(f"{file.relative_to(path).as_posix()} {file_sha256(file)}\n".encode())
    return digest.hexdigest()


def _shown(source: Path) -> str:
    """The path for the card: relative to the working folder if it lies there, else the name."""
    try:
        return source.resolve().relative_to(Path.cwd()).as_posix()
    except ValueError:
        return source.name
