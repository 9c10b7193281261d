"""The fused decoder computes what transformers and peft compute, and so do its gradients."""

import pytest
import torch

from data.files.datasets import Pair
from model.loading.base import resolve_base
from model.loading.quantised import load_quantised
from model.text.prompt import PromptRenderer
from tests.fakes.tiny_model import make_tiny, tiny_tokenizer
from training.artifacts.adapter import new_adapter
from training.recipe import Lora
from training.train.examples import encode
from training.train.fused.decoder import FusedDecoder
from training.train.layout import Packed, Padded
from training.train.loss import ReplyLossModule

ROWS = encode(
    [
        Pair("hello", "an opinion about soup"),
        Pair("a much longer comment here", "no"),
        Pair("why", "because soup is the best of all"),
        Pair("system", "user"),
    ],
    PromptRenderer(tiny_tokenizer()),
    200,
).rows
LORA = Lora(r=4, alpha=12)


def adapted(base, lora=LORA):
    model, _ = load_quantised(base, compute_dtype=torch.float32, trainable=True)
    model = new_adapter(model, lora, seed=0)
    make = torch.Generator().manual_seed(1)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            parameter.data.normal_(0, 0.1, generator=make)
    return model.train()


@pytest.fixture(scope="module", params=["qwen2", "llama with biases on all linears"])
def biased(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("biased") / "tiny"
    if request.param == "qwen2":
        make_tiny(folder, family="qwen2")
    else:
        make_tiny(folder, attention_bias=True, mlp_bias=True)
    return adapted(resolve_base(str(folder), folder, lambda *_: None))


@pytest.fixture
def model(base):
    return adapted(base)


def loss_and_gradient(model, layout, fused=None):
    model.zero_grad()
    loss_of = ReplyLossModule(model, fused)
    losses = torch.stack([loss_of(batch) for batch in layout.batches(ROWS)])
    losses.sum().backward()
    found = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    return losses.detach(), {name: gradient.clone() for name, gradient in found.items()}


@pytest.mark.parametrize("keep_all", [True, False])
@pytest.mark.parametrize("layout", [Packed(1000), Packed(130, multiple=64), Padded(4)])
def test_losses_and_gradients_are_the_models_own(model, layout, keep_all):
    check_losses_and_gradients(model, layout, keep_all)


@pytest.mark.parametrize("keep_all", [True, False])
def test_biases_are_added(biased, keep_all):
    check_losses_and_gradients(biased, Packed(130, multiple=64), keep_all)


def check_losses_and_gradients(model, layout, keep_all):
    wanted, right = loss_and_gradient(model, layout)
    found, gradients = loss_and_gradient(model, layout, FusedDecoder(model, keep_all=keep_all))
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-4)
    assert gradients.keys() == right.keys()
    for name, gradient in right.items():
        assert gradient.count_nonzero()
        atol = 1e-5 * float(gradient.abs().max())
        torch.testing.assert_close(gradients[name], gradient, rtol=1e-4, atol=atol)


def test_new_values_of_the_adapter_are_used(model):
    fused = FusedDecoder(model, keep_all=True)
    before, _ = loss_and_gradient(model, Padded(4), fused)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.mul_(-1)
    wanted, _ = loss_and_gradient(model, Padded(4))
    found, _ = loss_and_gradient(model, Padded(4), fused)
    assert not torch.allclose(found, before)
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-4)


def test_what_the_kernels_do_not_know_is_left_to_the_model(base, model):
    assert FusedDecoder.supports(model)
    assert not FusedDecoder.supports(adapted(base, Lora(r=4, dropout=0.1)))
    assert not FusedDecoder.supports(adapted(base, Lora(r=4, targets=("q_proj", "v_proj"))))
