"""Who says which answers disclaim and which take a position, and how often that is right.

There are two judges. The better one has the demo model read all answers in one pass; the other
counts words, and is the one where the demo model cannot be had. Their errors differ, so what a
judge says always comes with its name and with its accuracy on wording that it has not seen.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Protocol

from model.errors import DemoModelError
from model.loading.base import Progress
from training.evaluate.voice.classifier import Label, shipped
from training.evaluate.voice.labelled import Accuracy, LabelledSide, held_out_accuracy
from training.evaluate.voice.state_classifier import shipped_with_states
from training.evaluate.voice.states import OnRead, ReadsStates, StateReader

WORDS = "words alone"
STATES = "words and the demo model's hidden states"


class Verdicts(Protocol):
    """What one judge says of texts. `note` says why it was not the better judge, if it was not."""

    @property
    def judge(self) -> str:
        """The judge's name: WORDS or STATES."""
        ...

    @property
    def note(self) -> str:
        """One line, or nothing."""
        ...

    def has(self, label: Label, text: str) -> bool:
        """Whether the label holds for this text. Raises KeyError for a text that was not given."""
        ...

    def accuracy(self, label: Label) -> Accuracy:
        """How often that judge is right on the held-out families."""
        ...


@dataclass(frozen=True, slots=True)
class ByWords:
    """The n-gram classifier's verdicts, of any text."""

    note: str = ""
    judge: str = field(default=WORDS, init=False)

    def has(self, label: Label, text: str) -> bool:
        """Whether the label holds for this text."""
        return shipped().has(label, text)

    def accuracy(self, label: Label) -> Accuracy:
        """On the held-out families."""
        return held_out_accuracy(label)


@dataclass(frozen=True, slots=True)
class ByStates:
    """The verdicts of the classifier that has the demo model read, of the texts that were given."""

    found: Mapping[str, frozenset[Label]]
    note: str = field(default="", init=False)
    judge: str = field(default=STATES, init=False)

    def has(self, label: Label, text: str) -> bool:
        """Whether the label holds for this text. Raises KeyError for a text that was not given."""
        return label in self.found[text]

    def accuracy(self, label: Label) -> Accuracy:
        """On the held-out families."""
        return shipped_with_states().accuracy(label, LabelledSide.TEST)


# Judges all these texts in one pass.
Judging = Callable[[Sequence[str], OnRead], Verdicts]


def judge_by_words(texts: Sequence[str], on_read: OnRead) -> ByWords:
    """The judge that needs no model."""
    on_read(len(texts), len(texts))
    return ByWords()


def judge_by_states(reader: ReadsStates, texts: Sequence[str], on_read: OnRead) -> ByStates:
    """The judge that reads; a text that stands twice is read once, one without a word never."""
    worded = [text for text in dict.fromkeys(texts) if text.strip()]
    scores = shipped_with_states().scores(worded, reader.read(worded, on_read))
    found = dict.fromkeys(texts, frozenset[Label]())
    for text, row in zip(worded, scores, strict=True):
        found[text] = frozenset(label for label, score in zip(Label, row, strict=True) if score > 0)
    return ByStates(found)


def judging_at(home: Path, progress: Progress) -> Judging:
    """The better judge with the demo model below `home`; the other one, noted, where it is missing.

    Nothing is loaded before there is something to judge.
    """
    return partial(_judge_at, home, progress)


def _judge_at(home: Path, progress: Progress, texts: Sequence[str], on_read: OnRead) -> Verdicts:
    if not any(text.strip() for text in texts):
        return ByWords()
    try:
        reader = StateReader.open(home, progress)
    except DemoModelError as error:
        on_read(len(texts), len(texts))
        return ByWords(f"disclaimers and positions are judged by words alone: {error}")
    return judge_by_states(reader, texts, on_read)
