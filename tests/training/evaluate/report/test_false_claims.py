"""How often a page claims what is not so, in evaluations of which one knows what is true."""

import pytest

from tests.training.evaluate.report.simulated import Sampler, evaluate_simulated
from training.evaluate.report.verdict import FEWEST_ROWS, Outcome, verdicts

SAME = {"base": Sampler(), "tuned": Sampler()}


def claims(variants, rows, seed):
    """The measures that the page of one simulated evaluation calls better or worse."""
    found = verdicts(evaluate_simulated(variants, rows, seed))
    return [
        line.measure.key
        for verdict in found
        for line in (*verdict.of(Outcome.BETTER), *verdict.of(Outcome.WORSE))
    ]


@pytest.mark.parametrize(
    ("variants", "rows", "pages"),
    [(SAME, 3, 20), (SAME, 20, 60), (SAME, 40, 20), ({**SAME, "other": Sampler()}, 20, 20)],
)
def test_one_page_in_twenty_at_most_claims_a_difference_that_is_not_there(variants, rows, pages):
    # Judged by 95 % intervals alone, 81 % of pages did with 3 rows, 54 % with 20, 43 % with 50.
    false = [seed for seed in range(pages) if claims(variants, rows, seed)]
    assert len(false) <= pages / 20


def test_differences_that_are_there_are_still_found():
    tuned = Sampler(disclaims=0.0, loss=40.0)
    base = Sampler(disclaims=0.6)
    found = [claims({"base": base, "tuned": tuned}, 40, seed) for seed in range(5)]
    assert all({"disclaimer", "perplexity"} <= set(keys) for keys in found)


def test_too_few_rows_claim_nothing_and_say_so():
    rows = FEWEST_ROWS - 1
    found = evaluate_simulated({"base": Sampler(1.0), "tuned": Sampler(0.0)}, rows, 0)
    (verdict,) = verdicts(found)
    assert verdict.too_few
    assert not verdict.of(Outcome.BETTER)
    assert not verdict.of(Outcome.WORSE)
    assert verdict.sentence == (
        "19 test rows cannot show a difference between tuned and base: it takes 20 at least"
    )
