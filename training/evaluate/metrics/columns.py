"""All measures on the answers of one variant, as statistics of each row that can be resampled."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from training.evaluate.metrics.bleu import bleu_score, bleu_statistics
from training.evaluate.metrics.diversity import repeated
from training.evaluate.metrics.intervals import Array, Score, exp_mean, mean, with_ones
from training.evaluate.metrics.misclassified import Reliability
from training.evaluate.metrics.overlap import COPIED
from training.evaluate.metrics.rouge import rouge_rows
from training.evaluate.metrics.words import words
from training.evaluate.voice.classifier import Label
from training.evaluate.voice.judge import Verdicts
from training.prepare.word_list import WordList


@dataclass(frozen=True, slots=True)
class Column:
    """One measure: statistics of shape (rows, k), and how their sum becomes a score.

    The statistics of a share are (0 or 1, 1) for each row. `reliability` says how often the zeros
    and ones are right where a classifier gave them, None where they are certain. `is_bleu` marks
    corpus BLEU, which has intervals of its own.
    """

    statistics: Array
    score: Score = mean
    is_share: bool = False
    reliability: Reliability | None = None
    is_bleu: bool = False


def _share(values: Sequence[bool], reliability: Reliability | None = None) -> Column:
    statistics = with_ones(np.array(values, dtype=np.float64))
    return Column(statistics, is_share=True, reliability=reliability)


def _judged(label: Label, answers: Sequence[str], verdicts: Verdicts) -> Column:
    known = verdicts.accuracy(label)
    return _share(
        [verdicts.has(label, answer) for answer in answers],
        Reliability(known.found_rightly, known.wanted, known.left_rightly, known.unwanted),
    )


def _mean(values: Sequence[float] | Array) -> Column:
    return Column(with_ones(np.asarray(values, dtype=np.float64)))


def voice_columns(
    answers: Sequence[str], overlaps: Sequence[int], listed: WordList | None, verdicts: Verdicts
) -> dict[str, Column]:
    """The measures that need only the answers, by key of `training.evaluate.metrics.catalogue`."""
    columns = {
        "disclaimer": _judged(Label.DISCLAIMER, answers, verdicts),
        "position": _judged(Label.POSITION, answers, verdicts),
        "words": _mean([len(words(answer)) for answer in answers]),
        "repetition": _mean([repeated(answer) for answer in answers]),
        "overlap": _mean(overlaps),
        "copied": _share([overlap >= COPIED for overlap in overlaps]),
    }
    if listed is not None:
        columns["listed"] = _share([listed.finds(answer) is not None for answer in answers])
    return columns


def reply_columns(answers: Sequence[str], replies: Sequence[str]) -> dict[str, Column]:
    """The measures that compare answers with the replies of the test rows, by key."""
    rouge = {name: _mean(values) for name, values in rouge_rows(answers, replies).items()}
    bleu = Column(bleu_statistics(answers, replies), bleu_score, is_bleu=True)
    return {"bleu": bleu, **rouge}


def model_columns(losses: Array, cut_off: Sequence[bool]) -> dict[str, Column]:
    """The measures that come from the model, by key.

    `losses` has the shape (rows, 2): loss in nats and tokens of the reply. `cut_off` says which
    answers reached the limit of tokens.
    """
    return {"perplexity": Column(losses, exp_mean), "cut_off": _share(cut_off)}
