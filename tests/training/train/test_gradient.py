"""The trap: bitsandbytes' packed CPU kernel, once awake, trains on wrong gradients."""

import copy
from typing import cast

import pytest
import torch
from bitsandbytes.functional import QuantState, dequantize_4bit, has_avx512bf16
from bitsandbytes.nn.modules import Linear4bit, Params4bit
from torch import nn
from transformers import AutoModelForCausalLM

from data.files.datasets import Pair
from model.loading.quantised import load_quantised
from model.text.prompt import PromptRenderer
from tests.fakes.tiny_model import tiny_tokenizer
from training.artifacts.adapter import new_adapter
from training.recipe import Lora
from training.train.examples import encode
from training.train.layout import Padded
from training.train.loss import ReplyLossModule, measure

ROWS = encode(
    [Pair("hello there", "an opinion"), Pair("system", "user assistant")],
    PromptRenderer(tiny_tokenizer()),
    100,
).rows


def adapted(model):
    """An adapter whose B is not zero, so that every weight of it has a gradient."""
    model = new_adapter(model, Lora(r=4), seed=0)
    torch.manual_seed(1)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            nn.init.normal_(parameter, std=0.05)
    return model


def gradient(model) -> torch.Tensor:
    """The adapter's gradient as one vector, after an evaluation as training makes it."""
    measure(model, ROWS, Padded(2))
    model.train()
    (batch,) = Padded(2).batches(ROWS)
    ReplyLossModule(model)(batch).backward()
    parts = [p.grad.flatten() for p in model.parameters() if p.requires_grad]
    return torch.cat(parts)


def reference(base) -> torch.Tensor:
    """The same with the 4-bit weights written out as float32."""
    quantised, _ = load_quantised(base, compute_dtype=torch.float32, trainable=True)
    plain = AutoModelForCausalLM.from_pretrained(base.folder, dtype=torch.float32)
    for name, module in quantised.named_modules():
        if isinstance(module, Linear4bit):
            packed = cast("Params4bit", module.weight)
            weight = dequantize_4bit(packed.data, cast("QuantState", packed.quant_state))
            plain.get_submodule(name).weight.data = weight.float()
    return gradient(adapted(plain))


def cosine(one, other) -> float:
    return float(torch.nn.functional.cosine_similarity(one, other, dim=0))


def test_the_gradient_is_that_of_the_written_out_weights(base):
    model, _ = load_quantised(base, compute_dtype=torch.float32, trainable=True)
    layers = [module for module in model.modules() if isinstance(module, Linear4bit)]
    assert layers
    assert not any(layer.support_avx512bf16_for_cpu for layer in layers)
    found, right = gradient(adapted(model)), reference(base)
    assert cosine(found, right) > 0.9999
    assert float(found.norm() / right.norm()) == pytest.approx(1, abs=1e-3)


@pytest.mark.skipif(not has_avx512bf16(), reason="this processor has no packed kernel")
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_without_the_switch_the_gradient_is_wrong(base):
    model, _ = load_quantised(base, compute_dtype=torch.float32, trainable=False)
    assert cosine(gradient(adapted(copy.deepcopy(model))), reference(base)) < 0.9


def test_only_the_adapter_trains(base):
    model, _ = load_quantised(base, compute_dtype=torch.float32, trainable=True)
    trained = [n for n, p in new_adapter(model, Lora(), seed=0).named_parameters()
               if p.requires_grad]  # fmt: skip
    assert len(trained) == 2 * 7 * 2  # A and B of seven linears in two layers
    assert all("lora_" in name for name in trained)
