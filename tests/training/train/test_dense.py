"""Unpacked layers compute what the 4-bit ones did, and only where there is room."""

from types import SimpleNamespace

import psutil
import pytest
import torch
from bitsandbytes.nn.modules import Linear4bit

from data.files.datasets import Pair
from model.loading.base import resolve_base
from model.loading.quantised import load_quantised
from model.text.prompt import PromptRenderer
from tests.fakes.tiny_model import make_tiny
from training.artifacts.adapter import new_adapter
from training.recipe import Lora
from training.train.dense import unpack
from training.train.examples import encode
from training.train.layout import Packed
from training.train.loss import ReplyLossModule

PAIRS = [Pair("hello", "an opinion about soup"), Pair("why", "because soup is the best")]


def loaded(base):
    return load_quantised(base, compute_dtype=torch.float32, trainable=True)


def gradient(model, tokenizer) -> tuple[float, torch.Tensor]:
    adapted = new_adapter(model, Lora(), seed=0)
    make = torch.Generator().manual_seed(1)
    trained = [p for p in adapted.parameters() if p.requires_grad]
    for parameter in trained:
        parameter.data.normal_(0, 0.1, generator=make)
    (batch,) = Packed(500).batches(encode(PAIRS, PromptRenderer(tokenizer), 100).rows)
    loss = ReplyLossModule(adapted)(batch)
    loss.backward()
    return loss.item(), torch.cat([p.grad.flatten() for p in trained if p.grad is not None])


@pytest.fixture(params=["llama", "qwen2"])
def base(request, tmp_path):
    """With biases and without."""
    folder = make_tiny(tmp_path / "tiny", family=request.param)
    return resolve_base(str(folder), folder, lambda *_: None)


def test_loss_and_gradient_stay_the_same(base):
    wanted, right = gradient(*loaded(base))
    model, tokenizer = loaded(base)
    assert unpack(model, torch.float32)
    assert not any(isinstance(layer, Linear4bit) for layer in model.modules())
    found, gradients = gradient(model, tokenizer)
    assert found == pytest.approx(wanted, rel=1e-6)
    torch.testing.assert_close(gradients, right, rtol=1e-4, atol=1e-5)


def test_without_room_the_layers_stay_as_they_are(base, monkeypatch):
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=1000))
    model, _ = loaded(base)
    assert not unpack(model, torch.float32)
    assert any(isinstance(layer, Linear4bit) for layer in model.modules())
