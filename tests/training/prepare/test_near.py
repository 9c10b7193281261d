"""Few texts are compared exactly, many by signatures; both find the same clusters."""

from contextlib import closing

import pytest

from data.files.datasets import Pair
from tests.bench.sentences import conversations
from training.prepare.near import EXACT_UP_TO, Nearness, clusters, repeats
from training.prepare.rules import KeptRow
from training.prepare.spill import Spill

BY_HASH = 0


@pytest.fixture
def spill(tmp_path):
    with closing(Spill(tmp_path)) as spill:
        yield spill


def fill(spill, pairs):
    for number, pair in enumerate(pairs):
        spill.add(KeptRow(f"row {number}", Pair(*pair), None, None), None)


def test_signatures_find_the_clusters_that_comparing_all_finds(spill, tmp_path):
    pairs = list(conversations(300, 5))
    fill(
        spill, [*pairs, *((f"{comment} I say", f"{reply} or so") for comment, reply in pairs[:90])]
    )
    exact = clusters(spill, Nearness(0.6), tmp_path).tolist()
    found = clusters(spill, Nearness(0.6, BY_HASH), tmp_path).tolist()
    assert spill.texts - len(set(exact)) > 100
    assert found == exact


@pytest.mark.parametrize("limit", [BY_HASH, EXACT_UP_TO])
def test_a_row_repeats_if_both_its_texts_do(spill, tmp_path, limit):
    fill(
        spill,
        [
            ("is soup a meal for you", "yes, it certainly is one"),
            ("is soup a meal for you", "no, soup is a drink"),
            ("so is soup a meal for you", "yes, it certainly is one!!"),
            ("so is soup a meal for you", "well, yes, it certainly is one"),
            ("do you like golf or not", "yes, it certainly is one"),
        ],
    )
    nearness = Nearness(0.6, limit)
    assert repeats(spill, clusters(spill, nearness, tmp_path), nearness) == [2, 3]


def test_nothing_is_near_nothing(spill, tmp_path):
    for limit in (BY_HASH, EXACT_UP_TO):
        nearness = Nearness(0.6, limit)
        cluster = clusters(spill, nearness, tmp_path)
        assert cluster.tolist() == []
        assert repeats(spill, cluster, nearness) == []
