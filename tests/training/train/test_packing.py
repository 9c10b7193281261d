"""Packing changes where examples lie, not what is learned from them."""

import pytest
import torch

from data.files.datasets import Pair
from model.loading.quantised import load_quantised
from model.text.prompt import PromptRenderer
from tests.fakes.tiny_model import tiny_tokenizer
from training.artifacts.adapter import new_adapter
from training.recipe import Lora
from training.train.attention import Spans, span_bounds
from training.train.examples import IGNORED, TokenizedExample, encode
from training.train.layout import Packed, Padded
from training.train.loss import ReplyLossModule
from training.train.memory import switch_checkpointing_on

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


@pytest.fixture
def model(base):
    model, _ = load_quantised(base, compute_dtype=torch.float32, trainable=True)
    model = new_adapter(model, Lora(r=4), seed=0)
    torch.manual_seed(1)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    return model.train()


def gradient(model, rows, layout):
    model.zero_grad()
    loss_of = ReplyLossModule(model)
    losses = [loss_of(batch) for batch in layout.batches(rows)]
    torch.stack(losses).sum().backward()
    return torch.cat([p.grad.flatten() for p in model.parameters() if p.requires_grad])


def close(one, other):
    assert float(one.norm()) > 1
    torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5 * float(one.abs().max()))


@pytest.mark.parametrize("layout", [Packed(1000), Packed(130), Packed(1000, multiple=64),
                                    Padded(2), Padded(4)])  # fmt: skip
def test_every_layout_gives_the_gradient_of_the_examples_alone(model, layout):
    close(gradient(model, ROWS, layout), gradient(model, ROWS, Padded(1)))


def test_computing_layers_again_gives_the_same_gradient(model):
    once = gradient(model, ROWS, Packed(1000))
    switch_checkpointing_on(model.get_base_model(), dropout=0.0)
    calls = []
    layer = model.get_base_model().model.layers[0].mlp
    layer.register_forward_pre_hook(lambda *_: calls.append(1))
    close(gradient(model, ROWS, Packed(1000)), once)
    assert len(calls) == 2  # forward, and again in the backward pass


def loss_of_one(model, rows, place):
    """The loss of one example of a packed row: the others' labels are masked."""
    masked = [
        TokenizedExample(input_ids=row["input_ids"],
            labels=row["labels"] if number == place else [IGNORED] * len(row["labels"]))
        for number, row in enumerate(rows)
    ]  # fmt: skip
    (batch,) = Packed(1000).batches(masked)
    assert len(batch.lengths[0]) == len(rows)
    with torch.no_grad():
        return float(ReplyLossModule(model)(batch))


@pytest.mark.parametrize("changed", range(4))
def test_changing_an_example_changes_no_others_loss(model, changed):
    other = list(ROWS)
    ids = [(token + 7) % 250 + 3 for token in ROWS[changed]["input_ids"]]
    other[changed] = TokenizedExample(
        input_ids=ids,
        labels=[i if label != IGNORED else label
                for i, label in zip(ids, ROWS[changed]["labels"], strict=True)],
    )  # fmt: skip
    for place in range(4):
        before, after = (loss_of_one(model, rows, place) for rows in (ROWS, other))
        assert (after == before) is (place != changed)


def test_bounds_are_those_of_the_examples_with_padding_as_one_more():
    lengths = [len(row["input_ids"]) for row in ROWS]
    (batch,) = Packed(1000, multiple=64).batches(ROWS)
    bounds = span_bounds(batch)
    padding = batch.input_ids.shape[1] - sum(lengths)
    assert bounds.ends.diff().tolist() == [*lengths, padding] + [0] * 11
    assert bounds.ends.dtype == torch.int32
    assert bounds.longest == min(batch.input_ids.shape[1], 256)
    (padded,) = Padded(4).batches(ROWS)
    width = padded.input_ids.shape[1]
    pairs = [(length, width - length) for length in lengths]
    assert [n for n in span_bounds(padded).ends.diff().tolist() if n] == [
        n for pair in pairs for n in pair if n
    ]


def test_spans_of_another_kind_are_not_copied():
    (batch,) = Packed(1000).batches(ROWS)
    one, other = Spans.bounded(batch), Spans.bounded(batch)
    assert other.bounds is not None
    other.bounds.ends.zero_()
    one.copy_from(other)
    assert one.bounds is not None
    assert not one.bounds.ends.any()
    with pytest.raises(ValueError, match="zip"):
        one.copy_from(Spans.of(batch))
