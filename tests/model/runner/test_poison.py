"""A row whose numbers are not finite changes no bit of its neighbours, and ends alone."""

import math
from pathlib import Path

import pytest
import torch

from model.assembly import build_engine, stack_adapters
from model.engine.api import FinishReason, TokenRequest
from model.engine.batch import BatchRow
from model.engine.engine import TokenEngine
from model.errors import EngineFailed
from model.loading.adapters import Adapter, LoraPair, load_adapter
from model.loading.base import no_progress, resolve_base
from model.loading.quantised import check_architecture, load_quantised
from model.runner.eager import TorchRunner
from model.runner.lora import LoraAdapters
from model.runner.sampler import RowSampler
from model.runner.weights import Compute, Weights, take_weights
from model.sampling import SamplingParams
from tests.fakes.settings import worker_settings
from tests.fakes.tiny_model import make_adapter, make_tiny

WAYS = {
    "greedy": SamplingParams(max_tokens=4, temperature=0),
    "sampled": SamplingParams(max_tokens=4, temperature=1, top_p=0.9, seed=1),
    "penalised": SamplingParams(max_tokens=4, temperature=1, repetition_penalty=1.2, seed=1),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = make_tiny(tmp_path_factory.mktemp("poison") / "tiny")
    make_adapter(folder, folder.parent / "sound")
    return folder


def make_runner(folder: Path, factor: float) -> tuple[Weights, LoraAdapters]:
    """A sound adapter and one whose A matrices are multiplied by `factor`."""
    base = resolve_base(str(folder), folder, no_progress)
    config = check_architecture(base)
    sound = load_adapter("sound", str(folder.parent / "sound"), base, config, no_progress)
    pairs = {
        place: LoraPair(pair.a * factor, pair.b, pair.scaling)
        for place, pair in sound.pairs.items()
    }
    other = Adapter("other", "nowhere", "sha256:1", pairs)
    model, _ = load_quantised(base, compute_dtype=torch.float32, trainable=False)
    weights = take_weights(model, Compute.FLOAT32, 256)
    return weights, stack_adapters([sound, other], config, weights)


def make_engine(folder: Path, factor: float) -> TokenEngine:
    weights, stacks = make_runner(folder, factor)
    return build_engine(worker_settings(kv_cache_mb=8), weights, stacks, set(), 256)


def ask(name: str, variant: str, params: SamplingParams) -> TokenRequest:
    ids = tuple(5 + (7 * i) % 200 for i in range(6))
    return TokenRequest(name, ids, variant, params)


def answers(
    engine: TokenEngine, params: SamplingParams
) -> tuple[dict[str, list[int]], dict[str, FinishReason]]:
    """What base, sound and poisoned rows of one batch say, and how they end."""
    said: dict[str, list[int]] = {"base": [], "sound": [], "other": []}
    ends: dict[str, FinishReason] = {}
    for name in said:
        engine.add(ask(name, name, params))
    while engine.has_work():
        for output in engine.step():
            if output.token_id is not None:
                said[output.id].append(output.token_id)
            if output.finish_reason is not None:
                ends[output.id] = output.finish_reason
    return said, ends


@pytest.mark.parametrize("factor", [math.nan, math.inf, 3e38])
@pytest.mark.parametrize("way", WAYS)
def test_a_poisoned_row_ends_alone_and_its_neighbours_say_what_they_say(folder, factor, way):
    healthy, _ = answers(make_engine(folder, 1.0), WAYS[way])
    engine = make_engine(folder, factor)
    said, ends = answers(engine, WAYS[way])
    assert ends["other"] is FinishReason.ERROR
    assert said["other"] == []
    for name in ("base", "sound"):
        assert said[name] == healthy[name]
        assert ends[name] is FinishReason.LENGTH
    again, _ = answers(engine, WAYS[way])
    assert again == said, "cache that a poisoned row has left hurts nobody"


@pytest.mark.parametrize("factor", [math.nan, 3e38])
def test_the_neighbours_bits_are_the_same(folder, factor):
    logits = []
    for chosen in (1.0, factor):
        weights, stacks = make_runner(folder, chosen)
        sound, other = stacks.cards
        runner = TorchRunner(weights, stacks, cache_tokens=256)
        batch = [
            BatchRow(str(place), card, [5, 6, 7], position=0, cache_start=32 * place, samples=True)
            for place, card in enumerate((None, other, sound))
        ]
        logits.append(runner.forward(batch))
    sane, poisoned = logits
    assert torch.equal(sane[0], poisoned[0])
    assert torch.equal(sane[2], poisoned[2])
    assert not poisoned[1].isfinite().all()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_logits_that_are_not_finite_choose_no_token(way, bad):
    logits = torch.zeros(16)
    logits[3] = bad
    assert RowSampler(WAYS[way], (1, 2), 16).sample(logits) is None
    assert RowSampler(WAYS[way], (1, 2), 16).sample(torch.full((16,), -math.inf)) is None


def test_a_token_that_is_ruled_out_leaves_the_others():
    logits = torch.zeros(16)
    logits[3] = -math.inf
    assert RowSampler(WAYS["sampled"], (1, 2), 16).sample(logits) not in (None, 3)


@pytest.mark.parametrize("way", WAYS)
def test_an_id_that_the_model_does_not_have_ends_its_row_alone(folder, way):
    healthy, _ = answers(make_engine(folder, 1.0), WAYS[way])
    engine = make_engine(folder, 1.0)
    wrong = TokenRequest("wrong", (5, 99_999), "base", WAYS[way])
    ended = FinishReason.ERROR
    try:
        engine.add(wrong)
    except EngineFailed:  # the penalty looks at the prompt before the model does
        assert WAYS[way].repetition_penalty != 1
    said, ends = answers(engine, WAYS[way])
    assert said == healthy
    assert ends.pop("wrong", ended) is ended
    assert set(ends.values()) == {FinishReason.LENGTH}
