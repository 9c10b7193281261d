"""From answers to figures with intervals. Knows no model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations

from data.statistics.shares import wilson
from training.evaluate.metrics.bootstrap import Array, Resampling, interval, whole
from training.evaluate.metrics.columns import Column, model_columns, reply_columns, voice_columns
from training.evaluate.metrics.diversity import distinct
from training.evaluate.metrics.jackknife import jackknife_interval, left_out
from training.evaluate.metrics.misclassified import true_differences, true_share_interval
from training.evaluate.metrics.words import words
from training.evaluate.result import Accuracy, Difference, Estimate
from training.evaluate.voice.classifier import Label
from training.evaluate.voice.labelled import held_out_accuracy
from training.prepare.word_list import WordList


@dataclass(frozen=True, slots=True)
class Answered:
    """One variant's answers to the test rows, in their order.

    `losses` are the replies' (loss in nats, tokens) per row, `overlaps` the longest run of words
    shared with the training side, `cut_off` whether the answer reached the limit of tokens.
    """

    texts: Sequence[str]
    overlaps: Sequence[int]
    cut_off: Sequence[bool]
    losses: Array


@dataclass(frozen=True, slots=True)
class Judge:
    """Judges variants on the same rows; the same seed gives the same intervals."""

    replies: Sequence[str]
    listed: WordList | None
    draws: int
    seed: int

    def values(
        self, variants: Mapping[str, Answered]
    ) -> tuple[dict[str, dict[str, Estimate]], list[Difference]]:
        """Every variant's figures, and the differences of every two, the later minus the first."""
        columns = {name: self._columns(answered) for name, answered in variants.items()}
        drawn = Resampling.draw(len(self.replies), self.draws, self.seed)
        scores = {
            name: {key: drawn.scores(c.statistics, c.score) for key, c in found.items()}
            for name, found in columns.items()
        }
        budget = distinct_budget([answered.texts for answered in variants.values()])
        varied = {name: _varied(answered.texts, budget) for name, answered in variants.items()}
        values = {
            name: {
                **{key: _estimate(c, scores[name][key]) for key, c in found.items()},
                **{key: each.estimate() for key, each in varied[name].items()},
                "overlap_most": Estimate(value=max(variants[name].overlaps)),
            }
            for name, found in columns.items()
        }
        differences: list[Difference] = []
        for first, second in combinations(variants, 2):
            gaps = {
                key: _difference(
                    column,
                    values[second][key].value - values[first][key].value,
                    scores[second][key] - scores[first][key],
                    self.seed,
                )
                for key, column in columns[first].items()
            }
            gaps |= {key: varied[second][key].minus(one) for key, one in varied[first].items()}
            differences.append(Difference(first=first, second=second, values=gaps))
        return values, differences

    def of_replies(self, overlaps: Sequence[int], budget: int) -> dict[str, Estimate]:
        """The measures of voice on the test side's own replies: what people sound like."""
        columns = voice_columns(self.replies, overlaps, self.listed, self.seed)
        drawn = Resampling.draw(len(self.replies), self.draws, self.seed)
        values = {
            key: _estimate(column, drawn.scores(column.statistics, column.score))
            for key, column in columns.items()
        }
        varied = _varied(self.replies, budget)
        return {
            **values,
            **{key: each.estimate() for key, each in varied.items()},
            "overlap_most": Estimate(value=max(overlaps)),
        }

    def _columns(self, answered: Answered) -> dict[str, Column]:
        return {
            **voice_columns(answered.texts, answered.overlaps, self.listed, self.seed),
            **reply_columns(answered.texts, self.replies),
            **model_columns(answered.losses, answered.cut_off),
        }


def distinct_budget(answers: Sequence[Sequence[str]]) -> int:
    """How many words distinct-n is taken over: as many as the tersest variant said."""
    return min(sum(len(words(text)) for text in texts) for texts in answers)


def classifier_accuracy() -> tuple[Accuracy, ...]:
    """Precision and recall of the classifier on labelled wording that it has not seen."""
    found = {label: held_out_accuracy(label) for label in Label}
    return tuple(
        Accuracy(
            label=label,
            sentences=each.total,
            precision=_of(each.precision, each.precision_interval),
            recall=_of(each.recall, each.recall_interval),
        )
        for label, each in found.items()
    )


def _of(value: float, bounds: tuple[float, float]) -> Estimate:
    return Estimate(value=value, low=bounds[0], high=bounds[1])


def _estimate(column: Column, scores: Array) -> Estimate:
    value = whole(column.statistics, column.score)
    if not column.is_share:
        return _of(value, interval(scores))
    count, total = (round(each) for each in column.statistics.sum(axis=0))
    if column.reliability is not None:
        return _of(value, true_share_interval(count, total, column.reliability))
    return _of(value, wilson(count, total))


def _difference(column: Column, value: float, drawn: Array, seed: int) -> Estimate:
    """The counted difference; its interval has the classifier's error, and always the value."""
    if column.reliability is None:
        return _of(value, interval(drawn))
    low, high = interval(true_differences(drawn, column.reliability, seed))
    return _of(value, (min(low, value), max(high, value)))


@dataclass(frozen=True, slots=True)
class _Varied:
    """distinct-n of all answers, and without each group of them.

    Resampling would not do: the words of a row that is drawn twice are new no more.
    """

    value: float
    without: Array

    def estimate(self) -> Estimate:
        return _of(self.value, jackknife_interval(self.value, self.without))

    def minus(self, other: "_Varied") -> Estimate:
        value = self.value - other.value
        return _of(value, jackknife_interval(value, self.without - other.without))


def _varied(texts: Sequence[str], budget: int) -> dict[str, _Varied]:
    return {
        f"distinct_{n}": _Varied(
            distinct(texts, n, budget), left_out(texts, partial(distinct, n=n, budget=budget))
        )
        for n in (1, 2)
    }
