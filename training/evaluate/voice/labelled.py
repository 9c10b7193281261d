"""How often the phrase classifier is right, on sentences labelled by hand."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from data.statistics.shares import wilson
from training.evaluate.voice.phrases import has_disclaimer, takes_position

SENTENCES = Path(__file__).parent / "phrases.jsonl"


class Label(StrEnum):
    """What a person reads in a sentence; a disclaimer takes no position."""

    DISCLAIMER = "disclaimer"
    POSITION = "position"
    NEITHER = "neither"


class Part(StrEnum):
    """What a sentence is used for: the phrases were mended on one part, never on the other."""

    MEND = "mend"
    CHECK = "check"


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence with its label."""

    part: Part
    label: Label
    text: str


@dataclass(frozen=True, slots=True)
class Accuracy:
    """The counts behind precision and recall."""

    found: int
    found_rightly: int
    wanted: int

    @property
    def precision(self) -> float:
        """Of what was found, how much is right; 1 where nothing was found."""
        return self.found_rightly / self.found if self.found else 1.0

    @property
    def recall(self) -> float:
        """Of what should be found, how much is."""
        return self.found_rightly / self.wanted if self.wanted else 1.0

    @property
    def precision_interval(self) -> tuple[float, float]:
        """Wilson's 95 %."""
        return wilson(self.found_rightly, self.found)

    @property
    def recall_interval(self) -> tuple[float, float]:
        """Wilson's 95 %."""
        return wilson(self.found_rightly, self.wanted)


CLASSIFIERS: dict[Label, Callable[[str], bool]] = {
    Label.DISCLAIMER: has_disclaimer,
    Label.POSITION: takes_position,
}


def read_sentences(path: Path = SENTENCES) -> list[Sentence]:
    """The labelled sentences that ship with this package."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [Sentence(Part(row["part"]), Label(row["label"]), row["text"]) for row in rows]


def accuracy(label: Label, sentences: Sequence[Sentence]) -> Accuracy:
    """How the classifier of this label does on these sentences."""
    classify = CLASSIFIERS[label]
    found = [sentence for sentence in sentences if classify(sentence.text)]
    return Accuracy(
        found=len(found),
        found_rightly=sum(sentence.label is label for sentence in found),
        wanted=sum(sentence.label is label for sentence in sentences),
    )
