"""The result of an evaluation, as it stands in report.json."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from model.loading.manifest import BaseRecord


class Record(BaseModel):
    """A part of the report."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Sampling(Record):
    """How answers were sampled: row n of the questions has the seed `seed + n`."""

    temperature: float = Field(default=0.5, ge=0, le=2)
    top_p: float = Field(default=0.9, gt=0, le=1)
    repetition_penalty: float = Field(default=1.05, gt=0, le=2)
    max_tokens: int = Field(default=120, ge=1, le=2000)
    seed: int = Field(default=0, ge=0, lt=2**32)


class Estimate(Record):
    """A value with its 95 % interval, where it has one."""

    value: float
    low: float | None = None
    high: float | None = None


class Variant(Record):
    """One variant's figures, by key of `training.evaluate.metrics.catalogue`.

    `folder` and `hash` are None for the base. `values` are over the test side.
    """

    name: str
    folder: str | None
    hash: str | None
    values: dict[str, Estimate]


class Difference(Record):
    """`second` minus `first` by key: paired bootstrap over the test rows."""

    first: str
    second: str
    values: dict[str, Estimate]


class Said(Record):
    """One answer, and what the classifier and the overlap found in it."""

    text: str
    tokens: int
    finish_reason: str
    disclaimer: bool
    position: bool
    overlap: int


class Turn(Record):
    """One turn of what was asked."""

    role: str
    content: str


class Asked(Record):
    """One question with every variant's answer; `reply` is the test side's, None for a prompt."""

    id: str
    turns: tuple[Turn, ...]
    reply: str | None
    answers: dict[str, Said]


class Accuracy(Record):
    """How often the classifier is right on labelled wording that it has not seen."""

    label: str
    sentences: int
    precision: Estimate
    recall: Estimate


class DataUsed(Record):
    """Which rows; `left_out` are test rows too long for the model."""

    path: str
    test_sha256: str
    train_sha256: str
    rows: int
    left_out: int


class Evaluation(Record):
    """All of it. `unchecked` says which adapters may have seen test rows, a line each."""

    format: int = 1
    created: datetime
    base: BaseRecord
    data: DataUsed
    sampling: Sampling
    compute: str
    draws: int
    distinct_words: int
    unchecked: tuple[str, ...]
    variants: tuple[Variant, ...]
    replies: dict[str, Estimate]
    differences: tuple[Difference, ...]
    classifier: tuple[Accuracy, ...]
    versions: dict[str, str]
    test: tuple[Asked, ...]
    prompts: tuple[Asked, ...]

    def variant(self, name: str) -> Variant:
        """The variant of this name; KeyError when there is none."""
        return {variant.name: variant for variant in self.variants}[name]

    def answers(self, name: str) -> list[str]:
        """A variant's answers to the test rows, in their order."""
        return [asked.answers[name].text for asked in self.test]
