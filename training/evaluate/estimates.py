"""From answers to figures with intervals; no model is needed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations

from data.statistics.shares import wilson
from training.evaluate.metrics.columns import Column, model_columns, reply_columns, voice_columns
from training.evaluate.metrics.diversity import distinct
from training.evaluate.metrics.intervals import (
    Array,
    Resampling,
    interval,
    jackknife_interval,
    left_out,
    whole,
)
from training.evaluate.metrics.misclassified import true_differences, true_share_interval
from training.evaluate.metrics.words import words
from training.evaluate.result import ClassifierAccuracy, Difference, Estimate
from training.evaluate.voice.classifier import Label
from training.evaluate.voice.labelled import held_out_accuracy
from training.prepare.word_list import WordList


@dataclass(frozen=True, slots=True)
class VariantAnswers:
    """The answers of one variant, one entry for each test row, in their order.

    `overlaps` is the longest run of words that the answer shares with the training side, `cut_off`
    whether it reached the limit of tokens. `losses` has the shape (rows, 2): the loss of the test
    row's own reply in nats, and the reply's tokens.
    """

    texts: Sequence[str]
    overlaps: Sequence[int]
    cut_off: Sequence[bool]
    losses: Array


@dataclass(frozen=True, slots=True)
class Judge:
    """Computes the figures of variants on the same test rows.

    `replies` are the replies of the test rows, `listed` the words of --word-list if there are
    any, `draws` the number of bootstrap draws. The same seed gives the same intervals.
    """

    replies: Sequence[str]
    listed: WordList | None
    draws: int
    seed: int

    def values(
        self, variants: Mapping[str, VariantAnswers]
    ) -> tuple[dict[str, dict[str, Estimate]], list[Difference]]:
        """The figures of each variant, and the differences of every two of them.

        A difference is the later named variant minus the earlier one.
        """
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
        """The measures that need no reply to compare with, on the replies of the test rows.

        They show what people sound like. `budget` is that of `distinct_budget`.
        """
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

    def _columns(self, answered: VariantAnswers) -> dict[str, Column]:
        return {
            **voice_columns(answered.texts, answered.overlaps, self.listed, self.seed),
            **reply_columns(answered.texts, self.replies),
            **model_columns(answered.losses, answered.cut_off),
        }


def distinct_budget(answers: Sequence[Sequence[str]]) -> int:
    """How many words distinct-n counts: as many as the variant with the fewest words said."""
    return min(sum(len(words(text)) for text in texts) for texts in answers)


def classifier_accuracy() -> tuple[ClassifierAccuracy, ...]:
    """Precision and recall of the classifier on labelled wording that it has not seen."""
    found = {label: held_out_accuracy(label) for label in Label}
    return tuple(
        ClassifierAccuracy(
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

    The bootstrap does not fit here: if a row is drawn twice, its words are no longer different.
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
