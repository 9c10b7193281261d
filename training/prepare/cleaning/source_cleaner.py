"""Cleaning the texts of one source after another, each by what is known of its encoding."""

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from data.records import Turn
from training.prepare.cleaning.clean import changes, clean
from training.prepare.cleaning.evidence import Evidence
from training.prepare.cleaning.record import ChangeTally, EncodingRecord, RuleRecord
from training.prepare.cleaning.rule import ENCODINGS, EVERY_RULE, CleaningChoice, CleaningRule
from training.sources.reasons import DroppedRow, DropReason
from training.sources.row import SourceRow

Row = SourceRow | DroppedRow
# What formats have, and what they cannot have: Reddit escapes &, < and > in all that it gives
# away; this project's own export, and Discord's messages, are as people wrote them.
_KNOWN: Mapping[str, Mapping[CleaningRule, bool]] = {
    "reddit": {CleaningRule.ENTITIES: True},
    "export": dict.fromkeys(ENCODINGS, False),
    "discord": dict.fromkeys(ENCODINGS, False),
}
_FIELDS = tuple(field.name for field in fields(SourceRow) if field.name != "before")


class SourceCleaner:
    """Cleans texts by the rules of `choice`, and keeps a record of it for the card.

    Where a source's encoding is not known, all of its rows wait in a file in `scratch` until the
    last one was seen.
    """

    def __init__(self, choice: CleaningChoice, scratch: Path) -> None:
        self._choice, self._scratch = choice, scratch
        self._rules = EVERY_RULE - choice.without
        self._tally, self._prefix = ChangeTally(), ""
        self._encodings: list[EncodingRecord] = []

    @property
    def encodings(self) -> tuple[EncodingRecord, ...]:
        """For each source so far, whether each encoding was undone, and why."""
        return tuple(self._encodings)

    def records(self) -> tuple[RuleRecord, ...]:
        """What each rule changed so far."""
        return self._tally.records(self._choice.without)

    def ready(self, source: str, format_: str, rows: Iterable[Row], prefix: str) -> Iterator[Row]:
        """The rows of a source, when it is known how to clean them.

        `source` names it on the card; `prefix` is put before the places of its rows there.
        """
        told = [self._told(source, rule, format_) for rule in ENCODINGS]
        if None not in told:
            self._begin([record for record in told if record], prefix)
            yield from rows
            return
        with tempfile.TemporaryFile("w+", dir=self._scratch, encoding="utf-8") as waiting:
            evidence = Evidence()
            for row in rows:
                waiting.write(json.dumps(_listed(row)) + "\n")
                for text in _texts(row):
                    evidence.add(text)
            seen = (_seen(source, rule, evidence) for rule in ENCODINGS)
            self._begin([one or other for one, other in zip(told, seen, strict=True)], prefix)
            waiting.seek(0)
            yield from (_row(json.loads(line)) for line in waiting)

    def clean(self, text: str, place: str) -> str:
        """A comment or a reply at this place of the source, cleaned and counted."""
        found = list(changes(text, self._rules))
        if not found:
            return text
        self._tally.add(self._prefix + place, found)
        return found[-1].after

    def clean_earlier(self, text: str) -> str:
        """An earlier turn, cleaned. It is not counted: it stands in many rows of its chat."""
        return clean(text, self._rules)

    def _begin(self, records: list[EncodingRecord], prefix: str) -> None:
        self._encodings += records
        left = {record.rule for record in records if not record.undone}
        self._rules = EVERY_RULE - self._choice.without - left
        self._prefix = prefix

    def _told(self, source: str, rule: CleaningRule, format_: str) -> EncodingRecord | None:
        """What is known without a look at the texts."""
        if rule in self._choice.without:
            return EncodingRecord(source=source, rule=rule, undone=False, why="switched off")
        if rule in self._choice.decode:
            return EncodingRecord(source=source, rule=rule, undone=True, why="asked for")
        if (known := _KNOWN.get(format_, {}).get(rule)) is not None:
            return EncodingRecord(source=source, rule=rule, undone=known, why="known of the format")
        return None


def _seen(source: str, rule: CleaningRule, evidence: Evidence) -> EncodingRecord:
    return EncodingRecord(
        source=source,
        rule=rule,
        undone=evidence.shows(rule),
        why="seen" if evidence.shows(rule) else "not seen",
        texts=evidence.texts(rule),
        against=evidence.against(rule),
    )


def _texts(row: Row) -> Iterator[str]:
    if isinstance(row, SourceRow):
        yield from (row.comment, row.reply)


def _listed(row: Row) -> list[object]:
    if isinstance(row, DroppedRow):
        return [row.reason, row.place, row.text]
    return [{name: getattr(row, name) for name in _FIELDS}, [asdict(turn) for turn in row.before]]


def _row(listed: list[Any]) -> Row:
    if len(listed) == len(fields(DroppedRow)):
        reason, place, text = listed
        return DroppedRow(DropReason(reason), place, text)
    row, before = listed
    return SourceRow(**row, before=tuple(Turn(**turn) for turn in before))
