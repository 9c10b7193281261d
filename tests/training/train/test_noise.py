"""NEFTune's noise: its size by example, none on padding, and none when a loss is measured."""

import math

import pytest
import torch

from data.files.datasets import Pair
from model.loading.quantised import load_quantised
from model.text.prompt import PromptRenderer
from training.artifacts.adapter import new_adapter
from training.recipe import Lora
from training.train.examples import encode
from training.train.layout import Packed
from training.train.loss import ReplyLossModule, measure
from training.train.noise import noise_for


def test_each_example_has_its_own_size_and_padding_none():
    torch.manual_seed(0)
    noise = noise_for(torch.zeros(2, 120, 16), [(100, 4), (120,)], alpha=5)
    for part, length in ((noise[0, :100], 100), (noise[0, 100:104], 4), (noise[1], 120)):
        most = 5 / math.sqrt(length * 16)
        assert most * 0.8 < float(part.abs().max()) <= most
        assert abs(float(part.mean())) < most / 4
    assert not noise[0, 104:].any()


def test_it_is_drawn_anew_in_training_only(base):
    model, tokenizer = load_quantised(base, compute_dtype=torch.float32, trainable=True)
    adapted = new_adapter(model, Lora(), seed=0)
    rows = encode([Pair("hello", "an opinion")], PromptRenderer(tokenizer), 100).rows
    (batch,) = Packed(500).batches(rows)
    noisy = ReplyLossModule(adapted, noise=20).train()
    torch.manual_seed(1)
    first, second = (noisy(batch).item() for _ in range(2))
    torch.manual_seed(1)
    assert noisy(batch).item() == first
    assert first != second
    quiet = measure(adapted, rows, Packed(500)).total
    assert noisy.eval()(batch).item() == pytest.approx(quiet, rel=1e-6)
    assert quiet != first
