"""The result of an evaluation, as report.json holds it."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from model.loading.manifest import BaseRecord, short_hash
from model.sampling import (
    CHAT,
    MaxTokens,
    RepetitionPenalty,
    SamplingParams,
    Seed,
    Temperature,
    TopP,
)


class ReportPart(BaseModel):
    """A part of the report. What a newer version of this program has added is not read."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class ReportedSampling(ReportPart):
    """How the answers of an evaluation were sampled: as in a chat, unless somebody chose.

    Question n has the seed `seed + n`. An answer is shorter than a chat's, because there are
    hundreds of them.
    """

    temperature: Temperature = CHAT.temperature
    top_p: TopP = CHAT.top_p
    repetition_penalty: RepetitionPenalty = CHAT.repetition_penalty
    max_tokens: MaxTokens = 120
    seed: Annotated[Seed, Field(lt=2**32)] = 0

    def of_question(self, number: int) -> SamplingParams:
        """The worker's parameters for question `number`, counted from 0."""
        chosen = self.model_dump(exclude={"seed"})
        return SamplingParams(**chosen, seed=self.seed + number)


class Estimate(ReportPart):
    """A value and its 95 % interval; `low` and `high` are None for a value without interval."""

    value: float
    low: float | None = None
    high: float | None = None


class VariantFigures(ReportPart):
    """The figures of one variant over the test side.

    The keys of `values` are those of `training.evaluate.metrics.catalogue`. `folder` and `hash`
    name the adapter; they are None for the base.
    """

    name: str
    folder: str | None
    hash: str | None
    values: dict[str, Estimate]

    def __str__(self) -> str:
        """Which adapter it was: its folder and the beginning of its hash."""
        if self.folder is None:
            return f"{self.name}: the base alone"
        return f"{self.name}: {self.folder}, {short_hash(self.hash or 'no hash')}"


class Difference(ReportPart):
    """The figures of `second` minus those of `first`, by key; intervals by paired resampling.

    `p_values` are those of `training.evaluate.metrics.significance`, by key, each on its own and
    not corrected for their number. Measures that are not tested have none, and so have reports of
    format 1.
    """

    first: str
    second: str
    values: dict[str, Estimate]
    p_values: dict[str, float] = {}


class MeasuredAnswer(ReportPart):
    """One answer and what was measured on it.

    `overlap` is the longest run of words that it shares with the training side.
    """

    text: str
    tokens: int
    finish_reason: str
    disclaimer: bool
    position: bool
    overlap: int


class AskedTurn(ReportPart):
    """One turn of a question."""

    role: str
    content: str


class Asked(ReportPart):
    """One question with the answer of every variant.

    `reply` is the reply of the test row; a fixed prompt has None.
    """

    id: str
    turns: tuple[AskedTurn, ...]
    reply: str | None
    answers: dict[str, MeasuredAnswer]


class ClassifierAccuracy(ReportPart):
    """How often that judge is right on labelled wording that it has not seen."""

    label: str
    sentences: int
    precision: Estimate
    recall: Estimate


class DataUsed(ReportPart):
    """The data that was used. `left_out` counts test rows that are too long for the model.

    `exports` are the ids and hashes of this project's exports in the data, and in what the adapters
    were trained on: the report quotes them. `discord_permission` is the reference of Discord's
    permission to train on messages, None where there are none.
    """

    path: str
    test_sha256: str
    train_sha256: str
    rows: int
    left_out: int
    exports: tuple[str, ...] = ()
    discord_permission: str | None = None


class Evaluation(ReportPart):
    """The whole evaluation; `unchecked` has a line for each adapter that may know test rows.

    `voice_judge` names who judged disclaimers and positions, as older reports do not: words alone.
    `voice_note` says why it was not the better judge, `classifier` how often it is right.
    Format 2 added p-values and the name of BLEU's tokenizer; reports of format 1 can be read.
    """

    format: int = 2
    created: datetime
    base: BaseRecord
    data: DataUsed
    sampling: ReportedSampling
    compute: str
    draws: int
    distinct_words: int
    bleu_tokenizer: str = "13a"
    unchecked: tuple[str, ...]
    variants: tuple[VariantFigures, ...]
    replies: dict[str, Estimate]
    differences: tuple[Difference, ...]
    voice_judge: str = "words alone"
    voice_note: str = ""
    classifier: tuple[ClassifierAccuracy, ...]
    versions: dict[str, str]
    test: tuple[Asked, ...]
    prompts: tuple[Asked, ...]

    def variant(self, name: str) -> VariantFigures:
        """The figures of the variant with this name. Raises KeyError if there is none."""
        return {variant.name: variant for variant in self.variants}[name]
