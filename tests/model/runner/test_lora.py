"""Rows of several adapters in one product, each with its own share and base rows with none."""

import weakref
from dataclasses import replace

import pytest
import torch

from model.engine.api import AdapterCard
from model.loading.adapters import Adapter, LoraPair
from model.runner.lora import GROUPS, LoraAdapters

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
    stacked = loaded.stacks[0][0]
    assert stacked is not None
    assert mask is not None
    got = stacked.add_to(torch.zeros(6, 32), x, mask)
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
    stacked = loaded.stacks[0][0]
    assert stacked is not None
    got = stacked.add_to(y, x, mask)
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


def outputs(loaded: LoraAdapters, names: list[str]) -> list[torch.Tensor]:
    """What every projection adds for two tokens of each of these adapters."""
    mask = loaded.mask(cards(*names), [2] * len(names))
    assert mask is not None
    found: list[torch.Tensor] = []
    for layer in loaded.stacks:
        for stacked, group in zip(layer, GROUPS, strict=True):
            x = numbers(2 * len(names), SHAPES[group[0]][1])
            y = torch.zeros(len(x), sum(SHAPES[linear][0] for linear in group))
            found.append(y if stacked is None else stacked.add_to(y, x, mask))
    return found


@pytest.mark.parametrize("gone", [[], ["all"], ["mixed"], ["all", "mixed"]])
def test_added_and_removed_adapters_leave_what_a_fresh_start_has(gone):
    loaded = stack(ADAPTERS[0])
    for adapter in ADAPTERS[1:]:
        loaded.add(adapter.card, loaded.split(adapter))
    for name in gone:
        loaded.remove(card(name))
    left = [adapter for adapter in ADAPTERS if adapter.name not in gone]
    names = [adapter.name for adapter in left] + ["base"]
    fresh = outputs(stack(*left), names)
    for ours, theirs in zip(outputs(loaded, names), fresh, strict=True):
        assert torch.equal(ours, theirs), "the very same stacks, so the very same bits"


def test_removing_the_last_leaves_no_stack_and_no_memory():
    loaded = stack(ADAPTERS[0])
    held = [weakref.ref(one) for layer in loaded.stacks for one in layer if one is not None]
    loaded.remove(card("all"))
    assert loaded.stacks == [[None] * 4] * LAYERS
    assert [one for one in held if one() is not None] == []


def test_a_stack_shrinks_to_the_ranks_that_are_left():
    loaded = stack(ADAPTERS[1], make("wide", 8, dict.fromkeys(ALL, 32)))
    loaded.remove(card("wide"))
    small = stack(ADAPTERS[1])
    assert memory(loaded) == memory(small)


def memory(loaded: LoraAdapters) -> int:
    """Bytes behind all stacks, padding and views included."""
    total = 0
    for one in (one for layer in loaded.stacks for one in layer if one is not None):
        part = one.part(0)
        if part is not None:
            total += part.a.untyped_storage().nbytes() + part.b.untyped_storage().nbytes()
    return total


def test_no_room_for_one_more_leaves_all_as_it_was(monkeypatch):
    loaded = stack(ADAPTERS[0])
    before = outputs(loaded, ["all"])

    def full(*_: object) -> None:
        raise torch.OutOfMemoryError("full")

    parts = loaded.split(ADAPTERS[1])
    monkeypatch.setattr("model.runner.lora.LoraStack", full)
    with pytest.raises(torch.OutOfMemoryError):
        loaded.add(ADAPTERS[1].card, parts)
    assert all(map(torch.equal, outputs(loaded, ["all"]), before))


def test_the_scaling_is_in_what_is_added():
    pairs = make("one", 3, {"q_proj": 4}).pairs
    doubled = {place: replace(pair, scaling=2.0) for place, pair in pairs.items()}
    once, twice = (stack(Adapter("all", "nowhere", "sha256:0", p)) for p in (pairs, doubled))
    for ours, theirs in zip(outputs(twice, ["all"]), outputs(once, ["all"]), strict=True):
        assert torch.equal(ours, 2 * theirs)
