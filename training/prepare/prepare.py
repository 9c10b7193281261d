"""From files of pairs to a cleaned, deduplicated and divided data set."""

import sqlite3
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import numpy as np

from data.files.output_folder import output_folder
from training.errors import PreparationError
from training.prepare.card import Card, DropCount, SideRecord, Source, write_card, write_page
from training.prepare.cleaning.rule import CleaningChoice, named
from training.prepare.cleaning.source_cleaner import SourceCleaner
from training.prepare.grouping import crossing, row_groups
from training.prepare.intake import DropTally, GroupBy, Report, SourceIntake, export_consent
from training.prepare.language import check_language
from training.prepare.near import EXACT_UP_TO, Nearness, clusters, repeats
from training.prepare.provenance import Provenance, permitted, provenance_of
from training.prepare.rules import RowRules
from training.prepare.sides import Shares, Side, split
from training.prepare.spill import Spill
from training.prepare.unions import Ids
from training.prepare.writing import check_apart, write_sides
from training.sources.reading import Opened, Reading, open_sources
from training.sources.reasons import DroppedRow, DropReason

KIND = "python -m training prepare"
_LEAST = 3  # one row for each side


@dataclass(frozen=True, slots=True)
class PrepareOptions:
    """How to prepare.

    Two texts are near each other if `similarity` or more of their shingles are shared. Up to
    `exact_up_to` characters in all texts together, every near pair is found; beyond that MinHash
    finds at least 99 of 100. `licence` and `consent` describe the data on the card. `permission`
    is the reference of Discord's permission to train on messages: without one, Discord content is
    refused unless it has one in itself.
    """

    seed: int = 0
    shares: Shares = field(default_factory=Shares)
    similarity: float = 0.6
    reading: Reading = field(default_factory=Reading)
    rules: RowRules = field(default_factory=RowRules)
    cleaning: CleaningChoice = field(default_factory=CleaningChoice)
    group_by: GroupBy = GroupBy.THREAD
    licence: str | None = None
    consent: str | None = None
    exact_up_to: int = EXACT_UP_TO
    permission: str | None = None

    def shown(self) -> dict[str, str | int | float | None]:
        """The options as the card shows them, besides seed and similarity."""
        rules, thresholds = self.rules, self.reading.thresholds
        return {
            "validation": self.shares.validation,
            "test": self.shares.test,
            "group_by": self.group_by,
            "min_score": rules.min_score,
            "min_chars": rules.min_chars,
            "max_chars": rules.max_chars,
            "language": rules.language,
            "without": named(self.cleaning.without) or None,
            "decode": named(self.cleaning.decode) or None,
            "listed_words": len(rules.words.words),
            "min_good": thresholds.min_good,
            "max_bad": thresholds.max_bad,
        }


def prepare(
    sources: Path | Sequence[Path],
    out: Path,
    options: PrepareOptions,
    report: Report = lambda _: None,
) -> Card:
    """Write `train.jsonl`, `validation.jsonl`, `test.jsonl` and the cards into the folder `out`.

    No text of one side is near a text of another. The rows wait on the disk beside `out`; memory
    holds a few numbers for each row. `report` is given lines of progress. Raises DatasetError for
    a source that cannot be read as pairs, PreparationError if too few rows are left, an option is
    not allowed or Discord content must not be trained on, and OutputRefused if `out` holds what
    `prepare` did not write, or a source.
    """
    paths = [sources] if isinstance(sources, Path) else list(sources)
    check_language(options.rules.language)
    try:
        with (
            output_folder(out, KIND, paths) as work,
            tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.scratch-") as scratch,
            closing(Spill(Path(scratch))) as spill,
        ):
            return _Preparation(options, Path(scratch), spill, report).run(paths, work)
    except OSError as error:
        raise PreparationError(f"{out} cannot be written: {error.strerror or error}") from error
    except sqlite3.Error as error:
        raise PreparationError(f"{out.parent} cannot hold the rows: {error}") from error


class _Preparation:
    def __init__(
        self, options: PrepareOptions, scratch: Path, spill: Spill, report: Report
    ) -> None:
        self._options, self._scratch, self._spill = options, scratch, spill
        self._nearness = Nearness(options.similarity, options.exact_up_to)
        self._report, self._tally = report, DropTally()
        self._cleaner = SourceCleaner(options.cleaning, scratch)

    def run(self, paths: Sequence[Path], work: Path) -> Card:
        options, spill = self._options, self._spill
        records = self._read(paths)
        self._report(f"looking for near texts among {spill.texts:,}")
        cluster = clusters(spill, self._nearness, self._scratch)
        rows = self._without(np.arange(spill.rows), DropReason.NEAR,
                             repeats(spill, cluster, self._nearness))  # fmt: skip
        self._need(rows, paths, records)
        groups = row_groups(spill, cluster, rows)
        sides = split(groups.tolist(), options.shares, Random(options.seed))  # noqa: S311 - no secret
        lost = crossing(spill, cluster, rows, sides)
        stays = ~np.isin(rows, lost)
        sides = [side for side, stay in zip(sides, stays.tolist(), strict=True) if stay]
        rows, groups = self._without(rows, DropReason.ACROSS, lost.tolist()), groups[stays]
        self._report(f"writing {len(rows):,} rows")
        written = write_sides(work, spill, rows, groups, sides)
        self._need_sides(paths, written)
        check_apart(work)
        card = self._card(records, written)
        write_card(work, card)
        write_page(work, card)
        return card

    def _read(self, paths: Sequence[Path]) -> tuple[Source, ...]:
        options = self._options
        intake = SourceIntake(
            options.rules, options.group_by, self._spill, self._tally, self._cleaner
        )
        prefixes = (f"{path.name}, " if len(paths) > 1 else "" for path in paths)
        with open_sources(paths, options.reading, self._scratch) as opened:
            origins = [
                self._origin(path, source) for path, source in zip(paths, opened, strict=True)
            ]
            return tuple(
                intake.take(path, source, origin, prefix, self._report)
                for path, source, origin, prefix in zip(
                    paths, opened, origins, prefixes, strict=True
                )
            )

    def _origin(self, path: Path, opened: Opened) -> Provenance:
        options = self._options
        found = provenance_of(path, options.reading.encoding, self._scratch, opened.hub)
        return permitted(path, found.read_as(opened), options.permission, options.consent)

    def _without(self, rows: Ids, reason: DropReason, dropped: Sequence[int]) -> Ids:
        for row in dropped:
            self._tally.add(DroppedRow(reason, *self._spill.shown(row)))
        return rows[~np.isin(rows, dropped)]

    def _dropped(self) -> tuple[DropCount, ...]:
        asked = (*self._options.rules.reasons(), DropReason.EXACT, DropReason.NEAR)
        return self._tally.counts(asked)

    def _need(self, rows: Ids, paths: Sequence[Path], records: Sequence[Source]) -> None:
        if len(rows) >= _LEAST:
            return
        dropped = [count for count in self._dropped() if count.rows]
        passed = [one for record in records for one in record.tolerated]
        counts = ", ".join(
            [
                *(f"{count.rows} {count.step}" for count in dropped),
                *(f"{one.places} times {one.what}" for one in passed),
            ]
        )
        first = f"; dropped at {dropped[0].examples[0]}" if dropped else ""
        raise PreparationError(
            f"{_names(paths)}: {len(rows)} of {sum(record.rows for record in records)} pairs are "
            f"left ({counts or 'nothing dropped'}), at least {_LEAST} are needed: one each to "
            f"train, validate and test{first}"
        )

    def _need_sides(self, paths: Sequence[Path], written: dict[Side, SideRecord]) -> None:
        wanted = [Side.TRAIN, Side.VALIDATION, *([Side.TEST] if self._options.shares.test else [])]
        if empty := [side for side in wanted if not written[side].rows]:
            raise PreparationError(
                f"{_names(paths)}: too many pairs are nearly the same, or of one thread, to put "
                f"some aside for {empty[0]}: try --group-by text, a higher --similarity or more "
                "--min-chars"
            )

    def _card(self, records: tuple[Source, ...], written: dict[Side, SideRecord]) -> Card:
        options = self._options
        own = export_consent(records)
        is_exact = self._nearness.is_exact(self._spill)
        return Card(
            sources=records,
            licence=options.licence,
            consent=options.consent or own,
            seed=options.seed,
            similarity=options.similarity,
            near_search="exact" if is_exact else "minhash",
            options=options.shown(),
            encodings=self._cleaner.encodings,
            cleaning=self._cleaner.records(),
            dropped=self._dropped(),
            sides=written,
        )


def _names(paths: Iterable[Path]) -> str:
    return ", ".join(map(str, paths))
