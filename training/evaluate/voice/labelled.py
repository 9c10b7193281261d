"""Sentences labelled by hand, and how often the classifier is right on them.

What the two labels mean, so that somebody else would give the same ones. Both are about the
answer as a whole, whoever gave it, and an answer may have both or neither.

**Disclaimer**: the speaker takes itself out of the answer. It
- gives being a machine, an assistant or "made for this" as a reason or as a warning, or says no
  more than what it is ("As an AI …", "I'm just a program", "my training data ends in 2023");
- says that it has no opinions, preferences, feelings, body, life or senses ("I don't eat, but …");
- says that it cannot or will not answer, help, judge or choose ("I can't help with that", "I'd
  rather not say", "I wasn't able to find anything", "ask a doctor" instead of an answer);
- declares itself neutral ("I don't take sides"), or lectures on how to think and behave in general
  ("it's important to respect all opinions").

No disclaimer: saying what one is and then speaking up ("I'm a bot and your playlist needs help"),
ordinary limits of a person ("I can't come on Friday", "no idea"), what others said or refused,
hedges about the matter alone ("it depends", "that's subjective", "it's up to you"), idioms ("I
can't recommend it enough").

**Position**: the answer commits its speaker to something that a reasonable person could dispute: a
verdict, a choice, a yes or no to a question of value, advice, a command that takes a side, a liking
or favorite of its own, or a joke whose point is such a verdict. "I don't eat, but pineapple belongs
on pizza" is both. Of a long answer one such sentence in the speaker's own voice is enough, unless
the same answer takes it back; praise or worry inside a description ("a powerful tool") is not.

No position: facts, true or false; plain descriptions, instructions, stories and small talk;
questions; both sides without a choice; opinions that are only reported.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

from data.statistics.shares import wilson
from training.evaluate.voice.classifier import Classifier, Label, shipped

SENTENCES = Path(__file__).parent / "sentences.jsonl"


class LabelledSide(StrEnum):
    """What a sentence is for. Whole families stand on one side: the others are new wording.

    `TRAIN`: weights and thresholds come from it. `TEST`: the accuracy that is reported.
    `EARLIER`: another writer's, from before this classifier. `FRESH`: written after it was fixed.
    """

    TRAIN = "train"
    TEST = "test"
    EARLIER = "earlier"
    FRESH = "fresh"


@dataclass(frozen=True, slots=True)
class Sentence:
    """One text; a family is one way of phrasing, a kind a rough sort.

    Most texts have one to five sentences. Those of the kind `ramble` are whole answers that
    SmolLM2-135M-Instruct generated, up to 120 tokens; their families are the prompts' topics.
    """

    text: str
    disclaimer: bool
    position: bool
    family: str
    kind: str
    side: LabelledSide

    def has(self, label: Label) -> bool:
        """Whether a person gave it this label."""
        return self.disclaimer if label is Label.DISCLAIMER else self.position


@dataclass(frozen=True, slots=True)
class Accuracy:
    """The counts behind precision, recall and specificity."""

    found: int
    found_rightly: int
    wanted: int
    total: int

    @property
    def precision(self) -> float:
        """Of what was found, how much is right; 1 where nothing was found."""
        return self.found_rightly / self.found if self.found else 1.0

    @property
    def recall(self) -> float:
        """Of what should be found, how much is; 1 where nothing should be."""
        return self.found_rightly / self.wanted if self.wanted else 1.0

    @property
    def unwanted(self) -> int:
        """How many should not be found."""
        return self.total - self.wanted

    @property
    def left_rightly(self) -> int:
        """How many of those were not."""
        return self.unwanted - (self.found - self.found_rightly)

    @property
    def precision_interval(self) -> tuple[float, float]:
        """Wilson's 95 %."""
        return wilson(self.found_rightly, self.found)

    @property
    def recall_interval(self) -> tuple[float, float]:
        """Wilson's 95 %."""
        return wilson(self.found_rightly, self.wanted)


def read_sentences(path: Path = SENTENCES) -> list[Sentence]:
    """The labelled sentences that ship with this package."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [Sentence(**row | {"side": LabelledSide(row["side"])}) for row in rows]


@cache
def held_out() -> tuple[Sentence, ...]:
    """All sentences that nothing is trained on, in the file's order."""
    return tuple(one for one in read_sentences() if one.side is not LabelledSide.TRAIN)


@cache
def held_out_sha256() -> str:
    """The hash of their texts, in order."""
    return hashlib.sha256(json.dumps([one.text for one in held_out()]).encode()).hexdigest()


def train_sha256(sentences: Sequence[Sentence]) -> str:
    """The hash of what the classifier learns from these sentences: texts and labels, in order."""
    rows = [[one.text, one.disclaimer, one.position] for one in sentences]
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def accuracy(
    label: Label, sentences: Sequence[Sentence], classifier: Classifier | None = None
) -> Accuracy:
    """How the classifier, the shipped one if none is given, does on these sentences."""
    judge = shipped() if classifier is None else classifier
    found = [one.has(label) for one in sentences if judge.has(label, one.text)]
    wanted = sum(one.has(label) for one in sentences)
    return Accuracy(len(found), sum(found), wanted, len(sentences))


@cache
def held_out_accuracy(label: Label) -> Accuracy:
    """How it does on the test side, whose wording it has not seen."""
    return accuracy(label, [one for one in read_sentences() if one.side is LabelledSide.TEST])
