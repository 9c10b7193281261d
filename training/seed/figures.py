"""The figures that the seed printed, and the same figures computed over a group of runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from training.evaluate.metrics.bleu import CorpusBleu
from training.evaluate.metrics.library import compute
from training.evaluate.metrics.rouge import PARTS, Rouge
from training.evaluate.voice.phrases import disclaimer_share
from training.seed.runs import SeedRun

# As the seed's notebook printed them: Mistral-7B-Instruct, ten epochs, its own validation rows.
VALIDATION = (3.883, 3.463, 3.189, 3.117, 3.094, 3.081, 3.084, 3.097, 3.101, 3.104)
BLEU = 1.48
ROUGE = {
    "rouge1": (0.0541, 0.3694, 0.0897),
    "rouge2": (0.0161, 0.0955, 0.0272),
    "rougeL": (0.0440, 0.3140, 0.0729),
    "rougeLsum": (0.0480, 0.3301, 0.0793),
}


@dataclass(frozen=True, slots=True)
class Spread:
    """A mean over seeds and the standard deviation between them, None for a single seed."""

    mean: float
    deviation: float | None

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """The mean and deviation of values, one for each seed."""
        return cls(fmean(values), stdev(values) if len(values) > 1 else None)

    def shown(self, digits: int) -> str:
        """As text with so many digits: "3.081 ± 0.012"."""
        spread = "" if self.deviation is None else f" ± {self.deviation:.{digits}f}"
        return f"{self.mean:.{digits}f}{spread}"


def reference_measures(runs: Sequence[SeedRun]) -> dict[str, float]:
    """BLEU and ROUGE over the answers of all runs to their held-out comments, by measure."""
    answers = [answer for run in runs for answer in run.answers]
    replies = [reply for run in runs for reply in run.replies]
    return compute(CorpusBleu, answers, replies) | compute(Rouge, answers, replies)


def seed_measures() -> dict[str, float]:
    """The same measures, as the seed printed them."""
    rouge = {
        f"{kind}_{part}": value
        for kind, values in ROUGE.items()
        for part, value in zip(PARTS, values, strict=True)
    }
    return {"bleu": BLEU} | rouge


def disclaimers(run: SeedRun) -> float:
    """The share of this run's answers to the fixed prompts with a disclaimer, 0 to 1."""
    return disclaimer_share(run.answers_to_prompts)
