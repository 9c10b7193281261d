"""Hidden states: how they are pooled, and that a text's do not depend on its neighbours."""

import numpy as np
import pytest
import torch

from tests.fakes.state_reader import CountingReader
from training.evaluate.voice.states import MOST_TOKENS, SIZE, StateReader, pool


def quietly(done, total):
    pass


def test_padding_takes_no_part():
    states = torch.tensor([[[1.0], [3.0], [99.0]], [[2.0], [4.0], [9.0]]])
    mask = torch.tensor([[True, True, False], [True, True, True]])
    assert pool(states, mask).tolist() == [[2.0, 3.0], [5.0, 9.0]]


def test_the_reader_without_a_model_always_reads_the_same():
    one, other = CountingReader(), CountingReader()
    together = one.read(["a", "b"], quietly)
    assert together.shape == (2, SIZE)
    assert np.array_equal(together[1], other.read(["b"], quietly)[0])
    assert one.read([], quietly).shape == (0, SIZE)


@pytest.mark.demo
def test_any_text_is_read_and_its_neighbours_do_not_matter(demo_home):
    reader = StateReader.open(demo_home, lambda *_: None)
    told = []
    texts = ["Soup.", "", "\ud800 🤖", "As an AI, I would rather not say which soup is best. " * 5]
    together = reader.read(texts, lambda done, total: told.append((done, total)))
    assert told[-1] == (4, 4)
    assert np.isfinite(together).all()
    alone = np.concatenate([reader.read([text], quietly) for text in texts])
    assert np.allclose(together, alone, rtol=1e-3, atol=1e-2)  # they run up to some thousands


@pytest.mark.demo
def test_a_text_is_read_up_to_a_limit(demo_home):
    reader = StateReader.open(demo_home, lambda *_: None)
    long = " ".join(["word"] * MOST_TOKENS)
    states = reader.read([long, f"{long} and more of it"], quietly)
    assert np.array_equal(states[0], states[1])
