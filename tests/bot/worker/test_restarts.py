"""The restart policy: when again, when not."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.worker.restarts import Death, GiveUp, Restart, RestartPolicy, decide, delay, describe

POLICY = RestartPolicy(first_s=1, factor=2, longest_s=5, jitter=0.25, give_up_after=3, steady_s=30)
CRASH = Death(1, None, "boom")
STEADY = Death(-9, 31, "")


def test_a_setting_the_worker_refuses_is_not_tried_again():
    verdict = decide([Death(2, None, "ADAPTERS=x is not allowed")], POLICY, Random(1))
    assert isinstance(verdict, GiveUp)
    assert verdict.configuration
    assert "ADAPTERS=x is not allowed" in verdict.message


def test_a_model_that_cannot_be_loaded_is_not_tried_again_at_the_start():
    verdict = decide([Death(3, None, "no such folder")], POLICY, Random(1))
    assert isinstance(verdict, GiveUp)
    assert not verdict.configuration
    assert "no such folder" in verdict.message


def test_a_load_failure_after_service_is_tried_again():
    assert isinstance(decide([STEADY, Death(3, None, "no memory")], POLICY, Random(1)), Restart)


def test_loading_that_stands_still_is_not_tried_again():
    stuck = Death(None, None, "'download' has stood still", stuck=True)
    assert isinstance(decide([stuck], POLICY, Random(1)), GiveUp)
    assert isinstance(decide([STEADY, stuck], POLICY, Random(1)), Restart)


def test_a_setting_that_makes_the_worker_useless_is_not_tried_again():
    refused = Death(None, None, "it does not take WORKER_API_KEY", configuration=True)
    verdict = decide([refused], POLICY, Random(1))
    assert verdict == GiveUp(
        "The worker cannot be used: it does not take WORKER_API_KEY", configuration=True
    )
    late = Death(None, 3, "it does not take WORKER_API_KEY", configuration=True)
    assert isinstance(decide([late], POLICY, Random(1)), Restart), "it took the key before"
    verdict = decide([late] * 3, POLICY, Random(1))
    assert isinstance(verdict, GiveUp)
    assert verdict.configuration


def test_short_lives_in_a_row_end_it():
    assert isinstance(decide([CRASH] * 2, POLICY, Random(1)), Restart)
    verdict = decide([CRASH] * 3, POLICY, Random(1))
    assert verdict == GiveUp("The worker ended 3 times in a row (exit code 1): boom")


def test_a_long_life_in_between_is_forgiven():
    assert isinstance(decide([CRASH, CRASH, STEADY, CRASH, CRASH], POLICY, Random(1)), Restart)


@given(st.integers(0, 60), st.integers())
def test_the_delay_doubles_up_to_its_limit_and_jitter_only_shortens_it(streak: int, seed: int):
    full = min(5, 2 ** max(0, streak - 1))
    assert 0.75 * full <= delay(streak, POLICY, Random(seed)) <= full


@pytest.mark.parametrize(
    ("death", "words"),
    [
        (Death(1, None, ""), "exit code 1"),
        (Death(-9, 5, ""), "killed by signal 9"),
        (Death(None, 5, "hung"), "unresponsive"),
    ],
)
def test_an_end_in_few_words(death: Death, words: str):
    assert describe(death) == words
