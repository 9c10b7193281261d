"""How often BLEU's intervals hold the value of the population that the rows come from."""

from random import Random

import numpy as np
import pytest

from data.files.datasets import PAIRS, read_pairs
from training.evaluate.metrics.bleu import (
    bleu_gap_interval,
    bleu_interval,
    bleu_score,
    bleu_statistics,
)
from training.evaluate.metrics.intervals import Resampling, interval, whole

ROWS = 2000
TRIED = 1000
# How much of the reply an answer repeats: the chance of each word, and of a row to repeat at all.
KEPT = {"hardly any": (0.4, 0.1), "some": (0.4, 1.0), "most": (0.7, 1.0)}


@pytest.fixture(scope="module")
def populations():
    random = Random(0)
    replies = [pair.reply for pair in read_pairs(PAIRS)]
    vocabulary = [word for reply in replies for word in reply.split()]
    wanted = [random.choice(replies) for _ in range(ROWS)]

    def answer(reply, kept):
        drawn = [
            word if random.random() < kept else random.choice(vocabulary) for word in reply.split()
        ]
        return " ".join(drawn)

    return {
        name: bleu_statistics(
            [answer(reply, kept * (random.random() < rows)) for reply in wanted], wanted
        )
        for name, (kept, rows) in KEPT.items()
    }


def tried(statistics, rows, find):
    """For each sample of rows: whether an interval was given, and whether it held the truth."""
    rng = np.random.default_rng(1)
    truth = whole(statistics, bleu_score)
    found = [find(statistics[rng.integers(0, ROWS, rows)]) for _ in range(TRIED)]
    given = [one for one in found if one is not None]
    held = sum(low <= truth <= high for low, high in given)
    return len(given) / TRIED, held / max(len(given), 1)


@pytest.mark.parametrize("rows", [20, 50, 200])
@pytest.mark.parametrize("name", KEPT)
def test_the_interval_holds_the_populations_bleu(populations, name, rows):
    given, held = tried(populations[name], rows, bleu_interval)
    assert given * (1 - held) <= 0.07
    if given > 0.5:
        assert held >= 0.93
    if name != "hardly any":
        assert given > 0.9


def test_the_bootstraps_interval_does_not_where_few_rows_match(populations):
    # What reports had before, and why they have it no more.
    def bootstrap(statistics):
        return interval(Resampling.draw(20, 200, 0).scores(statistics, bleu_score))

    _, held = tried(populations["hardly any"], 20, bootstrap)
    assert held < 0.8


@pytest.mark.parametrize("rows", [20, 50])
def test_the_interval_of_a_difference_holds_the_populations(populations, rows):
    both = np.hstack([populations["some"], populations["most"]])
    truth = whole(both[:, 10:], bleu_score) - whole(both[:, :10], bleu_score)
    rng = np.random.default_rng(2)
    held = 0
    for _ in range(TRIED):
        drawn = both[rng.integers(0, ROWS, rows)]
        bounds = bleu_gap_interval(drawn[:, :10], drawn[:, 10:])
        held += bounds is None or bounds[0] <= truth <= bounds[1]
    assert held / TRIED >= 0.92


def test_without_matches_there_is_no_interval():
    strangers = bleu_statistics(["a b c d e"] * 30, ["f g h i j"] * 30)
    copies = bleu_statistics(["a b c d e"] * 30, ["a b c d e"] * 30)
    assert bleu_interval(strangers) is None
    assert bleu_gap_interval(strangers, copies) is None
    assert bleu_interval(copies) == pytest.approx((100, 100))
