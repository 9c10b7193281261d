"""Taking a file's rows in: read, judged, and each one once onto the disk."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from model.loading.manifest import file_sha256
from training.prepare.card import Source
from training.prepare.rules import Kept, Rules, judge
from training.prepare.spill import Spill
from training.prepare.tally import Tally
from training.sources.reading import Format, Reading, open_source
from training.sources.reasons import Step
from training.sources.row import Refused

_REPORT_EVERY = 20_000

Report = Callable[[str], None]


class GroupBy(StrEnum):
    """What keeps rows on one side, where it is known; else rows with near texts stay together."""

    THREAD = "thread"
    AUTHOR = "author"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Intake:
    """How rows are taken in, and what they go into; `scratch` is a folder for the readers."""

    reading: Reading
    rules: Rules
    group_by: GroupBy
    spill: Spill
    tally: Tally
    scratch: Path

    def take(self, path: Path, prefix: str, report: Report) -> Source:
        """Take in one file; `prefix` stands before its rows' places. Raises DatasetError."""
        opened = open_source(path, self.reading, self.scratch)
        count = 0
        with closing(opened.rows) as rows:
            for count, row in enumerate(rows, start=1):
                verdict = row if isinstance(row, Refused) else judge(row, self.rules)
                if isinstance(verdict, Refused):
                    self.tally.add(verdict.step, prefix + verdict.place, verdict.text)
                elif not self.spill.add(verdict, self._group(verdict)):
                    self.tally.add(Step.EXACT, prefix + verdict.place, verdict.pair.comment)
                if count % _REPORT_EVERY == 0:
                    report(f"{path}: {count:,} rows read")
        return Source(path=_shown(path), format=opened.format, sha256=file_sha256(path), rows=count)

    def _group(self, row: Kept) -> str | None:
        match self.group_by:
            case GroupBy.THREAD:
                return row.thread
            case GroupBy.AUTHOR:
                return row.author
            case GroupBy.TEXT:
                return None


def is_export(source: Source) -> bool:
    """Whether the file is this project's own export."""
    return source.format == Format.EXPORT


def _shown(source: Path) -> str:
    """The path as the card shows it: within the working folder, or the name alone."""
    try:
        return source.resolve().relative_to(Path.cwd()).as_posix()
    except ValueError:
        return source.name
