"""Rows of several adapters in one product, each with its own share and base rows with none."""

import pytest
import torch

from model.adapters import Adapter, LoraPair
from model.engine_api import AdapterCard
from model.lora import GROUPS, LoraAdapters

LAYERS, HIDDEN, INNER = 2, 16, 24
SHAPES = {
    "q_proj": (HIDDEN, HIDDEN),
    "k_proj": (8, HIDDEN),
    "v_proj": (8, HIDDEN),
    "o_proj": (HIDDEN, HIDDEN),
    "gate_proj": (INNER, HIDDEN),
    "up_proj": (INNER, HIDDEN),
    "down_proj": (HIDDEN, INNER),
}
ALL = tuple(SHAPES)


def make(name: str, seed: int, ranks: dict[str, int], layers: range = range(LAYERS)) -> Adapter:
    generator = torch.Generator().manual_seed(seed)
    pairs = {
        (layer, linear): LoraPair(
            torch.randn(rank, SHAPES[linear][1], generator=generator),
            torch.randn(SHAPES[linear][0], rank, generator=generator),
        )
        for layer in layers
        for linear, rank in ranks.items()
    }
    return Adapter(name, "nowhere", "sha256:0", pairs)


ADAPTERS = [
    make("all", 1, dict.fromkeys(ALL, 4)),
    make("few", 2, {"q_proj": 2, "down_proj": 7}),
    make(
        "mixed",
        3,
        {"q_proj": 6, "k_proj": 1, "v_proj": 2, "up_proj": 3, "o_proj": 2},
        range(1, LAYERS),
    ),
]


def stack(*adapters: Adapter) -> LoraAdapters:
    return LoraAdapters(adapters, SHAPES, LAYERS, torch.float32, torch.device("cpu"))


def card(name: str) -> AdapterCard:
    return AdapterCard(name, "sha256:0", "nowhere")


def cards(*names: str) -> list[AdapterCard | None]:
    return [None if name == "base" else card(name) for name in names]


def numbers(rows: int, columns: int, seed: int = 9) -> torch.Tensor:
    return torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed))


def share(adapter: Adapter, layer: int, group: tuple[str, ...], x: torch.Tensor) -> torch.Tensor:
    """What one adapter adds, straight from the formula."""
    outs: list[torch.Tensor] = []
    for linear in group:
        pair = adapter.pairs.get((layer, linear))
        zero = torch.zeros(len(x), SHAPES[linear][0])
        outs.append(zero if pair is None else x @ pair.a.t() @ pair.b.t())
    return torch.cat(outs, dim=-1)


@pytest.mark.parametrize("layer", range(LAYERS))
@pytest.mark.parametrize("place", range(len(GROUPS)))
def test_each_row_gets_its_own_adapters_share(layer, place):
    loaded, group = stack(*ADAPTERS), GROUPS[place]
    variants, counts = ["few", "base", "all", "mixed", "few"], [3, 2, 1, 4, 1]
    by_name = {adapter.name: adapter for adapter in ADAPTERS}
    x = numbers(sum(counts), SHAPES[group[0]][1])
    y = numbers(sum(counts), sum(SHAPES[linear][0] for linear in group), seed=4)
    mask = loaded.mask(cards(*variants), counts)
    got = loaded.stacks[layer][place].add_to(y, x, mask)
    begin = 0
    for variant, count in zip(variants, counts, strict=True):
        rows = slice(begin, begin + count)
        begin += count
        if variant == "base":
            assert torch.equal(got[rows], y[rows]), "not a bit is added to a base row"
        else:
            expected = y[rows] + share(by_name[variant], layer, group, x[rows])
            torch.testing.assert_close(got[rows], expected, rtol=1e-4, atol=1e-4)


def test_the_share_of_base_rows_is_exactly_zero_however_large_the_others_are():
    loaded = stack(make("huge", 5, dict.fromkeys(ALL, 4)))
    x = numbers(6, HIDDEN) * 1e15
    mask = loaded.mask([card("huge"), None], [3, 3])
    got = loaded.stacks[0][0].add_to(torch.zeros(6, 32), x, mask)
    assert got[:3].abs().min() > 0
    assert torch.equal(got[3:], torch.zeros(3, 32))


def test_only_base_rows_need_no_lora_at_all():
    assert stack(*ADAPTERS).mask([None, None], [1, 5]) is None
    assert stack().mask([None], [2]) is None


def test_rows_of_the_only_adapter_need_no_mask():
    loaded = stack(ADAPTERS[0])
    mask = loaded.mask(cards("all", "all"), [2, 1])
    assert mask is not None
    assert mask.rows is None
    x, y = numbers(3, HIDDEN), numbers(3, 32)
    got = loaded.stacks[0][0].add_to(y, x, mask)
    torch.testing.assert_close(got, y + share(ADAPTERS[0], 0, GROUPS[0], x))


def test_among_several_adapters_rows_of_one_are_masked():
    mask = stack(*ADAPTERS).mask(cards("few", "few"), [1, 2])
    assert mask is not None
    assert mask.rows is not None
    assert mask.rows.tolist() == [[0, 1, 0]] * 3


def test_a_projection_that_no_adapter_changes_has_no_stack():
    stacks = stack(ADAPTERS[1], ADAPTERS[2]).stacks
    assert [[held is not None for held in layer] for layer in stacks] == [
        [True, False, False, True],
        [True, True, True, True],
    ]
    assert stack().stacks == [[None] * 4] * LAYERS
