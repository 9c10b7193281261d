"""On a GPU: the worker's own engine beside transformers with peft in float32. Skipped elsewhere."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from transformers import AutoModelForCausalLM

from model.assembly import assemble
from model.engine.api import ReadyAdapter, TokenRequest
from model.engine.batch import BatchRow
from model.engine.engine import TokenEngine
from model.engine.sequence import Sequence
from model.loaded import LoadedModel
from model.loading.adapters import load_adapter
from model.loading.base import ResolvedBase, no_progress, resolve_base
from model.loading.quantised import check_architecture
from model.runner.gpu.runner import GraphRunner
from model.runner.gpu.steps import GraphSteps
from model.sampling import SamplingParams
from tests.fakes.settings import worker_settings
from tests.fakes.tiny_model import make_adapter, make_tiny
from tests.model.runner.parity import Pair, greedy, make_pair, run

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no GPU"),
]
SAMPLED = {"temperature": 0.8, "top_p": 0.9, "repetition_penalty": 1.1, "frequency_penalty": 0.2}


def train_a_little(folder: Path) -> None:
    """Teach a random model to count in steps, so that its logits are not flat."""
    model: Any = AutoModelForCausalLM.from_pretrained(folder)
    model.to("cuda")
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3)
    vocab = model.config.vocab_size
    for _ in range(200):
        first = torch.randint(0, vocab, (16, 1), device="cuda")
        step = torch.randint(1, 9, (16, 1), device="cuda")
        ids = (first + step * torch.arange(48, device="cuda")) % vocab
        model(input_ids=ids, labels=ids).loss.backward()
        optimiser.step()
        optimiser.zero_grad()
    model.save_pretrained(folder)


@pytest.fixture(scope="module", params=["llama", "qwen"])
def base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ResolvedBase:
    folder = tmp_path_factory.mktemp("models") / "tiny"
    # Heads of 64 dimensions.
    make_tiny(folder, family=request.param, hidden_size=256, intermediate_size=512)
    train_a_little(folder)
    return resolve_base(str(folder), folder, no_progress)


@pytest.fixture(scope="module")
def adapters(base: ResolvedBase, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("adapters")
    return {
        name: make_adapter(base.folder, folder / name, seed=seed, rank=rank)
        for seed, (name, rank) in enumerate({"one": 8, "two": 20}.items())
    }


@pytest.fixture(scope="module")
def pair(base: ResolvedBase, adapters: dict[str, Path]) -> Pair:
    return make_pair(base, adapters, dtype=torch.float32)


@pytest.fixture(scope="module")
def rounded(base: ResolvedBase, adapters: dict[str, Path]) -> Pair:
    """What transformers and peft make of it in bfloat16, the kernels' own type."""
    return make_pair(base, adapters, dtype=torch.bfloat16)


def load_on_gpu(
    base: ResolvedBase, adapters: dict[str, Path], home: Path, kept: str = "auto"
) -> LoadedModel:
    config = check_architecture(base)
    read = [load_adapter(n, str(f), base, config, no_progress) for n, f in adapters.items()]
    settings = worker_settings(
        gpu_compute="tiled", kv_cache_mb=64, kv_cache_dtype=kept, max_running=70,
        fungpt_home=home, max_context=512,
    )  # fmt: skip
    made = assemble(settings, base, config, read)
    assert isinstance(engine_of(made)._runner, GraphRunner)
    return made


@pytest.fixture(scope="module")
def loaded(
    base: ResolvedBase, adapters: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> LoadedModel:
    return load_on_gpu(base, adapters, tmp_path_factory.mktemp("home"))


def engine_of(loaded: LoadedModel) -> TokenEngine:
    assert isinstance(loaded.engine, TokenEngine)
    return loaded.engine


@pytest.fixture
def alike(pair: Pair, rounded: Pair) -> Callable[[tuple[int, ...], str, list[int]], None]:
    """Checks greedy ids: the reference's, or different first where rounding decides.

    Rounding moves both logits, in another implementation as much again: their distance in float32
    is then at most four times what bfloat16 moves any logit there in transformers' own.
    """

    def check(prompt: tuple[int, ...], variant: str, ours: list[int]) -> None:
        theirs = pair.generate(prompt, variant, 256)[: len(ours)]
        if ours == theirs:
            return
        theirs.append(cast("int", pair.tokenizer.eos_token_id))  # where theirs ends, if before ours
        at = next(i for i, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b)
        ids = torch.tensor([[*prompt, *theirs[:at]]], device="cuda")
        exact = reference_logits(pair, ids, variant)
        moved = (reference_logits(rounded, ids, variant) - exact).abs().max()
        assert exact[theirs[at]] - exact[ours[at]] <= 4 * moved, (at, variant)

    return check


def reference_logits(pair: Pair, ids: torch.Tensor, variant: str) -> torch.Tensor:
    model = pair.reference
    with torch.inference_mode():
        if variant == "base":
            with model.disable_adapter():  # pyright: ignore[reportCallIssue]
                return model(input_ids=ids).logits[0, -1].float()
        model.set_adapter(variant)
        return model(input_ids=ids).logits[0, -1].float()


def prompt_of(number: int) -> tuple[int, ...]:
    chance = random.Random(number)
    first, step = chance.randrange(250), chance.randint(1, 8)
    return tuple((first + step * i) % 250 for i in range(chance.choice([1, 2, 7, 40, 200])))


@pytest.mark.parametrize("rows", [1, 3, 20, 70])
def test_greedy_ids_are_the_references(rows: int, loaded: LoadedModel, alike) -> None:
    variants = ["base", "one", "two"]
    requests = [greedy(str(i), prompt_of(i), variants[i % 3], 256) for i in range(rows)]
    out = run(loaded.engine, {0: requests})
    for request in requests[:6]:
        alike(request.input_ids, request.variant, out[request.id])


def test_logits_are_as_near_to_float32_as_transformers_in_bfloat16(
    loaded: LoadedModel, pair: Pair, rounded: Pair
) -> None:
    engine = engine_of(loaded)
    runner = engine._runner
    assert isinstance(runner, GraphRunner)
    steps = runner._device
    assert isinstance(steps, GraphSteps)
    requests = [greedy(str(i), prompt_of(i), ("base", "one", "two")[i % 3], 40) for i in range(24)]
    for request in requests:
        engine.add(request)
    said: dict[str, list[int]] = {request.id: [] for request in requests}
    for _ in range(20):
        take(engine, said)
    batch = [row for row in engine._rows.values() if row.generated]
    assert len(batch) > 12  # others have ended
    rows = decoding_rows(batch)
    with torch.inference_mode():
        steps.write([place for row in rows for place in runner.places(row)])
        ours = steps.step.launch(len(rows), adapters=True).clone()
    errors: list[list[float]] = []
    for row, found in zip(batch, ours, strict=True):
        request = row.request
        ids = torch.tensor([[*request.input_ids, *said[request.id]]], device="cuda")
        exact = reference_logits(pair, ids, request.variant)
        theirs = reference_logits(rounded, ids, request.variant)
        errors.append([float((one - exact).norm() / exact.norm()) for one in (found, theirs)])
    own, transformers_own = torch.tensor(errors).median(0).values.tolist()
    assert own <= 1.25 * transformers_own
    assert max(one for one, _ in errors) <= 2 * max(other for _, other in errors)
    for request in requests:
        engine.abort(request.id)
    take(engine, said)


def test_a_step_over_one_byte_keys_and_values_computes_what_the_plain_runner_does(
    base: ResolvedBase, adapters: dict[str, Path], tmp_path: Path
) -> None:
    engine = engine_of(load_on_gpu(base, adapters, tmp_path, "fp8"))
    runner = engine._runner
    assert isinstance(runner, GraphRunner)
    steps, plain = runner._device, runner._prompts
    assert isinstance(steps, GraphSteps)
    for i in range(12):
        engine.add(greedy(str(i), prompt_of(i), ("base", "one", "two")[i % 3], 60))
    for _ in range(30):
        engine.step()
    rows = decoding_rows([row for row in engine._rows.values() if row.generated])
    assert len(rows) > 4
    with torch.inference_mode():
        steps.write([place for row in rows for place in runner.places(row)])
        ours = steps.step.launch(len(rows), adapters=True).clone()
        theirs = plain.forward(rows)
    errors = (ours - theirs).norm(dim=1) / theirs.norm(dim=1)
    assert float(errors.median()) < 0.02, errors


def test_a_row_that_asks_for_logprobs_says_what_it_says_without(loaded: LoadedModel) -> None:
    engine = loaded.engine
    plain = [greedy(str(i), prompt_of(i), ("base", "one")[i % 2], 30) for i in range(4)]
    expected = run(engine, {0: plain})
    asking = TokenRequest(
        "1", plain[1].input_ids, "one", SamplingParams(max_tokens=30, temperature=0, logprobs=2)
    )
    found = run(engine, {0: [plain[0], asking], 3: plain[2:]})
    # Steps of other sizes round otherwise, so that close calls can part.
    same = sum(found[id_][:10] == said[:10] for id_, said in expected.items())
    assert same >= 3


def test_a_seed_gives_its_text_whoever_else_runs(loaded: LoadedModel) -> None:
    def text(neighbours: int) -> list[int]:
        params = SamplingParams(max_tokens=60, seed=77, **SAMPLED)  # pyright: ignore[reportArgumentType]
        requests = [TokenRequest("mine", prompt_of(3), "one", params)]
        for i in range(5):  # of one size: sums of other sizes are rounded otherwise
            seeded = params.model_copy(update={"seed": neighbours + i})
            variant = ("base", "two")[(neighbours + i) % 2]
            requests.append(TokenRequest(f"n{i}", prompt_of(neighbours + i), variant, seeded))
        return run(loaded.engine, {0: requests})["mine"]

    assert text(100) == text(200) == text(301)


def test_adapters_are_swapped_under_running_rows(
    loaded: LoadedModel, adapters: dict[str, Path], alike
) -> None:
    engine = engine_of(loaded)
    request = greedy("a", prompt_of(5), "two", 120)
    said: list[int] = []
    engine.add(request)
    ready: ReadyAdapter | None = loaded.read_adapter("more", str(adapters["one"]))
    for number in range(1000):
        if number == 20:
            engine.remove_adapter("one")
        if number == 40 and ready is not None:
            engine.add_adapter(ready)
        said += [output.token_id for output in engine.step() if output.token_id is not None]
        if not engine.has_work():
            break
    alike(request.input_ids, "two", said)
    again = run(engine, {0: [greedy("b", prompt_of(5), "more", 60)]})["b"]
    alike(request.input_ids, "one", again)
    engine.remove_adapter("more")
    engine.add_adapter(loaded.read_adapter("one", str(adapters["one"])))


def test_ten_thousand_rows_join_and_leave_and_nothing_is_left(loaded: LoadedModel, alike) -> None:
    engine, chance = engine_of(loaded), random.Random(0)
    runner = engine._runner
    assert isinstance(runner, GraphRunner)
    assert isinstance(runner._device, GraphSteps)
    run(engine, {0: [greedy("warm", prompt_of(1), "one", 3)]})
    runner._device.warm_up(adapters=True)
    held = torch.cuda.memory_allocated()
    said: dict[str, list[int]] = {}
    asked: dict[str, TokenRequest] = {}
    for number in range(10_000):
        request = greedy(
            str(number),
            prompt_of(number),
            ("base", "one", "two")[number % 3],
            chance.randint(1, 40),
        )
        engine.add(request)
        asked[request.id], said[request.id] = request, []
        if chance.random() < 0.3:
            engine.abort(str(chance.randrange(number + 1)))
        for _ in range(chance.choice([0, 1, 2])):
            take(engine, said)
    while engine.has_work():
        take(engine, said)
    for number in range(0, 10_000, 400):
        request = asked[str(number)]
        alike(request.input_ids, request.variant, said[request.id])
    assert engine.load().running == engine.load().cache_used == 0
    assert torch.cuda.memory_allocated() <= held


def decoding_rows(batch: list[Sequence]) -> list[BatchRow]:
    rows: list[BatchRow] = []
    for row in batch:
        assert row.blocks is not None
        begin = row.blocks.start * 32
        rows.append(
            BatchRow(row.request.id, row.adapter, row.next_ids(1), row.computed, begin, True)
        )
    return rows


def take(engine: TokenEngine, said: dict[str, list[int]]) -> None:
    for output in engine.step():
        if output.token_id is not None:
            said[output.id].append(output.token_id)
