"""Chained hashes tell exactly how many whole blocks two rows have in common."""

import itertools
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from model.engine.api import AdapterCard
from model.engine.prefix import block_hashes, shared_blocks

TUNED = AdapterCard("tuned", "one", "here")
few_ids = st.lists(st.integers(0, 1), max_size=40)


@given(one=few_ids, other=few_ids, size=st.integers(1, 5))
def test_as_many_blocks_are_shared_as_begin_with_the_same_tokens(one, other, size):
    same = len(list(itertools.takewhile(lambda pair: pair[0] == pair[1], zip(one, other))))  # noqa: B905 - to the end of the shorter
    hashes = block_hashes(None, one, size), block_hashes(None, other, size)
    assert shared_blocks(*hashes) == same // size
    assert len(hashes[0]) == len(one) // size


@given(ids=few_ids, known=st.integers(0, 8), size=st.integers(1, 5))
def test_a_chain_goes_on_where_it_ended(ids, known, size):
    whole = block_hashes(TUNED, ids, size)
    assert block_hashes(TUNED, ids, size, whole[:known]) == whole


def test_no_two_adapters_nor_the_base_share_anything():
    cards = [
        None,
        TUNED,
        replace(TUNED, hash="two"),
        replace(TUNED, name="other"),
        replace(TUNED, source="there"),
        AdapterCard("None", "", ""),
    ]
    chains = [block_hashes(card, [1, 2, 3, 4], 2) for card in cards]
    for one, other in itertools.combinations(chains, 2):
        assert shared_blocks(one, other) == 0


def test_what_stands_before_a_block_counts():
    one, other = block_hashes(None, [1, 2, 3, 4], 2), block_hashes(None, [9, 9, 3, 4], 2)
    assert one[1] != other[1]
    assert shared_blocks(one, other) == 0
