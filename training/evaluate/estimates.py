"""From answers to figures with intervals; no model is needed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from data.statistics.shares import wilson
from training.evaluate.differences import Measured, bounded, gaps, p_values, varied
from training.evaluate.metrics.bleu import bleu_interval
from training.evaluate.metrics.columns import Column, model_columns, reply_columns, voice_columns
from training.evaluate.metrics.diversity import self_bleu
from training.evaluate.metrics.intervals import (
    Array,
    Resampling,
    interval,
    whole,
)
from training.evaluate.metrics.misclassified import true_share_interval
from training.evaluate.metrics.significance import Exchanges
from training.evaluate.metrics.words import bleu_tokenizer, words
from training.evaluate.result import ClassifierAccuracy, Difference, Estimate
from training.evaluate.voice.classifier import Label
from training.evaluate.voice.judge import ByWords, Verdicts
from training.prepare.word_list import WordList

_EXCHANGES = 5  # for each bootstrap draw


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
    any, `draws` the number of bootstrap draws. `verdicts` must know the replies and all answers.
    The same seed gives the same intervals.
    """

    replies: Sequence[str]
    listed: WordList | None
    draws: int
    seed: int
    verdicts: Verdicts = field(default_factory=ByWords)

    def values(
        self, variants: Mapping[str, VariantAnswers]
    ) -> tuple[dict[str, dict[str, Estimate]], list[Difference]]:
        """The figures of each variant, and the differences of every two of them.

        A difference is the later named variant minus the earlier one. Its p-values come from five
        times as many exchanges as there are draws, so that correcting them leaves enough.
        """
        columns = {name: self._columns(answered) for name, answered in variants.items()}
        drawn = Resampling.draw(len(self.replies), self.draws, self.seed)
        budget = distinct_budget([answered.texts for answered in variants.values()])
        measured = {
            name: Measured(
                texts=variants[name].texts,
                columns=found,
                scores={k: drawn.scores(c.statistics, c.score) for k, c in found.items()},
                varied=varied(variants[name].texts, budget),
                self_bleu=self._self_bleu(variants[name].texts),
            )
            for name, found in columns.items()
        }
        values = {
            name: {
                **{key: _estimate(c, found.scores[key]) for key, c in found.columns.items()},
                **{key: each.estimate() for key, each in found.varied.items()},
                "self_bleu": found.self_bleu,
                "overlap_most": Estimate(value=max(variants[name].overlaps)),
            }
            for name, found in measured.items()
        }
        exchanges = Exchanges.draw(len(self.replies), _EXCHANGES * self.draws - 1, self.seed)
        differences = [
            Difference(
                first=first,
                second=second,
                values=gaps(measured[first], measured[second], self.seed),
                p_values=p_values(measured[first], measured[second], exchanges),
            )
            for first, second in combinations(variants, 2)
        ]
        return values, differences

    def of_replies(self, overlaps: Sequence[int], budget: int) -> dict[str, Estimate]:
        """The measures that need no reply to compare with, on the replies of the test rows.

        They show what people sound like. `budget` is that of `distinct_budget`.
        """
        columns = voice_columns(self.replies, overlaps, self.listed, self.verdicts)
        drawn = Resampling.draw(len(self.replies), self.draws, self.seed)
        values = {
            key: _estimate(column, drawn.scores(column.statistics, column.score))
            for key, column in columns.items()
        }
        return {
            **values,
            **{key: each.estimate() for key, each in varied(self.replies, budget).items()},
            "self_bleu": self._self_bleu(self.replies),
            "overlap_most": Estimate(value=max(overlaps)),
        }

    def _columns(self, answered: VariantAnswers) -> dict[str, Column]:
        return {
            **voice_columns(answered.texts, answered.overlaps, self.listed, self.verdicts),
            **reply_columns(answered.texts, self.replies),
            **model_columns(answered.losses, answered.cut_off),
        }

    def _self_bleu(self, texts: Sequence[str]) -> Estimate:
        # Without interval: each answer counts in the scores of all others, and neither bootstrap
        # nor jackknife covers what other rows would have given (docs/experiments.md).
        scores = self_bleu(texts, self.seed, bleu_tokenizer(self.replies))
        return Estimate(value=sum(scores) / len(scores))


def distinct_budget(answers: Sequence[Sequence[str]]) -> int:
    """How many words distinct-n counts: as many as the variant with the fewest words said."""
    return min(sum(len(words(text)) for text in texts) for texts in answers)


def classifier_accuracy(verdicts: Verdicts) -> tuple[ClassifierAccuracy, ...]:
    """Precision and recall of the judge of these verdicts on wording that it has not seen."""
    found = {label: verdicts.accuracy(label) for label in Label}
    return tuple(
        ClassifierAccuracy(
            label=label,
            sentences=each.total,
            precision=bounded(each.precision, each.precision_interval),
            recall=bounded(each.recall, each.recall_interval),
        )
        for label, each in found.items()
    )


def _estimate(column: Column, scores: Array) -> Estimate:
    value = whole(column.statistics, column.score)
    if column.is_bleu:
        return bounded(value, bleu_interval(column.statistics))
    if not column.is_share:
        return bounded(value, interval(scores))
    count, total = (round(each) for each in column.statistics.sum(axis=0))
    if column.reliability is not None:
        return bounded(value, true_share_interval(count, total, column.reliability))
    return bounded(value, wilson(count, total))
