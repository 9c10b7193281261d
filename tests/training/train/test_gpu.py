"""On a GPU: 8-bit states, bfloat16, graphs, the fused decoder, resuming. Skipped elsewhere."""

from dataclasses import replace

import pytest
import torch

from model.loading.quantised import load_quantised
from model.text.prompt import PromptRenderer
from training.artifacts.adapter import new_adapter
from training.artifacts.figures import FIGURES, FigureLog
from training.prepare.sides import Side
from training.recipe import Lora, read_recipe
from training.train import trainer
from training.train.examples import encode, read_side
from training.train.fused.decoder import FusedDecoder
from training.train.gradient_step import EagerStep
from training.train.graph import GraphedStep
from training.train.layout import Packed
from training.train.loss import ReplyLossModule
from training.train.optimiser import FlatParameter
from training.train.train import train

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no GPU"),
]


class Crash(BaseException):
    """Nothing catches it."""


def silent(line):
    """For tests that do not look at what is said."""


def losses(job):
    figures = FigureLog(job.out / FIGURES).read()
    return [f.loss if f.validation_loss is None else f.validation_loss for f in figures]


@pytest.mark.parametrize("checkpointing", ["on", "off"])
def test_goes_on_to_the_same_losses(job, monkeypatch, tmp_path, checkpointing):
    changes = ["lora.dropout=0.2", f"schedule.checkpointing={checkpointing}"]
    job = replace(job, recipe=read_recipe(job.config, changes))
    whole = replace(job, out=tmp_path / "whole")
    manifest = train(whole, silent)
    assert manifest.figures["validation_loss"] < manifest.figures["base_validation_loss"]
    assert manifest.figures["memory_mib"] > 0
    calls, real = iter(range(100)), EagerStep.__call__

    def step(self, batches, tokens):
        if next(calls) == 3:
            raise Crash
        return real(self, batches, tokens)

    with monkeypatch.context() as patched:
        patched.setattr(EagerStep, "__call__", step)
        with pytest.raises(Crash):
            train(job, silent)
    lines: list[str] = []
    train(job, lines.append)
    assert "going on after step 2" in lines
    assert losses(job) == pytest.approx(losses(whole), abs=1e-4)


def test_graphs_learn_what_single_kernels_learn(job, monkeypatch, tmp_path):
    """The tiny model's steps as graphs, with and without checkpointing, and one by one."""
    found = []
    for name, checkpointing in (("graph", "off"), ("checkpointed", "on"), ("eager", "off")):
        recipe = read_recipe(job.config, [f"schedule.checkpointing={checkpointing}"])
        one = replace(job, recipe=recipe, out=tmp_path / name)
        with monkeypatch.context() as patched:
            if name == "eager":
                patched.setattr(trainer, "new_gradient_step", eager_step)
            else:
                patched.setattr(EagerStep, "__call__", None)  # it must not be used
            train(one, silent)
        found.append(losses(one))
    assert found[0] == pytest.approx(found[2], rel=1e-2)
    assert found[1] == pytest.approx(found[2], rel=1e-2)


def eager_step(model, accelerator, _trained, _recipe):
    return EagerStep(accelerator.prepare(ReplyLossModule(model)), accelerator)


@pytest.mark.parametrize("keep_all", [True, False])
def test_the_fused_decoder_is_as_near_to_float32_as_the_models_own_layers(job, base, keep_all):
    rows = [encode_side(job, base, side) for side in (Side.TRAIN, Side.VALIDATION)]
    (batch,) = Packed(2048, 256).batches(rows[0] + rows[1])
    batch = batch.to(torch.device("cuda"))
    truth = gradient(adapted(base, torch.float32), batch, fused=False)
    model = adapted(base, torch.bfloat16)
    own = gradient(model, batch, fused=False)
    fused = gradient(model, batch, fused=True, keep_all=keep_all)
    assert fused[0] == pytest.approx(truth[0], rel=1e-2)
    # The tiny model's weights are large, and so is what its rounded values lead to.
    assert apart(fused[1], truth[1]) < 1.2 * apart(own[1], truth[1]) < 0.5


@pytest.mark.parametrize("fused", [False, True])
def test_a_graph_computes_each_batch_of_one_shape_anew(job, base, fused):
    rows = encode_side(job, base, Side.TRAIN)
    model = adapted(base, torch.bfloat16)
    flat = FlatParameter([p for p in model.parameters() if p.requires_grad])
    decoder = FusedDecoder(model, keep_all=True) if fused else None
    graphed = GraphedStep(
        ReplyLossModule(model, decoder),
        [p for p in model.parameters() if p.requires_grad],
        bfloat16=True,
    )
    for chosen in (rows[:5], rows[5:9]):
        (batch,) = Packed(2048, 512).batches(chosen)
        flat.collect()  # what `gradient` put elsewhere
        flat.zero_grad()
        loss = graphed([batch], 1.0)
        found = flat.gradient.clone()
        wanted = gradient(model, batch.to(torch.device("cuda")), fused=fused)
        assert loss.item() == pytest.approx(wanted[0], rel=1e-3)
        assert apart(found, wanted[1]) < 0.05


def encode_side(job, base, side):
    _, tokenizer = load_quantised(base, compute_dtype=torch.bfloat16, trainable=True)
    return encode(read_side(job.data, side), PromptRenderer(tokenizer), 512).rows


def adapted(base, dtype):
    model, _ = load_quantised(base, compute_dtype=dtype, trainable=True)
    model = new_adapter(model, Lora(r=4), seed=0)
    make = torch.Generator().manual_seed(1)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            parameter.data = torch.randn(parameter.shape, generator=make).cuda() * 0.1
    return model.train()


def gradient(model, batch, *, fused, keep_all=True):
    for parameter in model.parameters():
        parameter.grad = None
    decoder = FusedDecoder(model, keep_all=keep_all) if fused else None
    bfloat16 = next(model.get_base_model().parameters()).dtype == torch.bfloat16
    with torch.autocast("cuda", torch.bfloat16, enabled=bfloat16):
        loss = ReplyLossModule(model, decoder)(batch)
    loss.backward()
    found = [p.grad.flatten() for p in model.parameters() if p.grad is not None]
    return loss.item(), torch.cat(found)


def apart(one, other):
    return float((one - other).norm() / other.norm())
