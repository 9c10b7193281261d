"""Training speed in real tokens a second, padding not counted: ours and other ways.

`python -m tests.bench.training` makes a random-weight Mistral-7B on a GPU and takes whole QLoRA
steps, the optimiser's included; no hub is needed. Without a GPU it measures packed against padded
rows with the demo model. Every row of a table comes from one run.
"""

import argparse
import gc
import math
import random
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import torch
from bitsandbytes.optim.adamw import PagedAdamW8bit
from peft import LoraConfig, PeftModel, get_peft_model
from torch import Tensor, nn

from model.loading.base import resolve_base
from model.loading.quantised import load_quantised
from tests.bench import training_cpu
from tests.bench.gpu_model import make_base
from tests.bench.table import markdown
from tests.bench.training_cpu import FULL, PaddedTo, real_tokens
from tests.bench.training_profile import where_time_goes
from tests.fakes.tiny_model import LINEARS
from training.train.examples import IGNORED, TokenizedExample
from training.train.fused.decoder import FusedDecoder
from training.train.gradient_step import GradientStep
from training.train.graph import GraphedStep
from training.train.layout import Batch, Packed, Padded
from training.train.loss import ReplyLossModule
from training.train.optimiser import FlatParameter

ROW = 2048
WARM_UPS, STEPS = 2, 8
GIB = 2**30
Work = Callable[[], int]  # one optimiser's step; gives its real tokens


@dataclass(frozen=True)
class Way:
    """A way to train: what is adapted, how a step is made, which data it gets."""

    name: str
    targets: list[str]
    r: int
    checkpointing: bool
    ours: bool = False
    graph: bool = False
    fused: bool = False
    liger: bool = False
    layouts: tuple[str, ...] = ("full", "padded to 512", "padded to the longest")


SEED = ["q_proj"]
OURS = ("full", "packed")
WAYS = (
    Way("the seed's recipe", SEED, 8, True, layouts=("full", "padded to 512")),
    Way("transformers + peft", LINEARS, 16, True),
    Way("transformers + peft, no checkpointing", LINEARS, 16, False, layouts=("full",)),
    Way("ours, kernel by kernel", LINEARS, 16, True, ours=True, layouts=OURS),
    Way("ours, graph", LINEARS, 16, True, ours=True, graph=True, layouts=OURS),
    Way(
        "ours, graph, no checkpointing",
        LINEARS,
        16,
        False,
        ours=True,
        graph=True,
        layouts=OURS,
    ),
    Way("ours, fused", LINEARS, 16, True, ours=True, graph=True, fused=True, layouts=OURS),
    Way(
        "ours, fused, no checkpointing",
        LINEARS,
        16,
        False,
        ours=True,
        graph=True,
        fused=True,
        layouts=OURS,
    ),
    Way("Liger kernels", LINEARS, 16, True, liger=True),
    Way("Liger, no checkpointing", LINEARS, 16, False, liger=True, layouts=("full",)),
)


def rows_like_reddit(count: int, rng: random.Random) -> list[TokenizedExample]:
    """Random tokens, as many as comment/reply pairs have: median 90, log-normal; half are reply."""
    return [_row(min(FULL, max(16, round(rng.lognormvariate(math.log(90), 0.7)))), rng)
            for _ in range(count)]  # fmt: skip


def _row(length: int, rng: random.Random) -> TokenizedExample:
    ids = [rng.randrange(3, 30000) for _ in range(length)]
    return TokenizedExample(input_ids=ids, labels=[IGNORED] * (length // 2) + ids[length // 2 :])


def batches_of(layout: str, steps: int) -> list[Batch]:
    """One batch a step."""
    rng = random.Random(1)
    if layout == "full":
        return Padded(4).batches([_row(FULL, rng) for _ in range(4 * steps)])
    if layout == "packed":
        return Packed(ROW, 256).batches(rows_like_reddit(40 * steps, rng))[:steps]
    padded = PaddedTo(4, FULL) if layout == "padded to 512" else Padded(4)
    return padded.batches(rows_like_reddit(4 * steps, rng))


def step_of(way: Way, model: PeftModel) -> Callable[[Batch], None]:
    """One optimiser's step of this way."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if not way.ours:
        optimiser = PagedAdamW8bit(trained, lr=1e-5)

        def plain(batch: Batch) -> None:
            mask = torch.zeros_like(batch.input_ids)
            for row, (length,) in enumerate(batch.lengths):
                mask[row, :length] = 1
            inputs = {"input_ids": batch.input_ids, "labels": batch.labels, "attention_mask": mask}
            moved = {name: value.cuda() for name, value in inputs.items()}
            with torch.autocast("cuda", torch.bfloat16):
                loss = model(**moved, use_cache=False).loss
            loss.backward()
            nn.utils.clip_grad_norm_(trained, 1.0)
            optimiser.step()
            optimiser.zero_grad()

        return plain
    flat = FlatParameter(trained)
    optimiser = PagedAdamW8bit([flat.whole], lr=1e-5)
    gradient = gradient_of(way, model, trained)

    def step(batch: Batch) -> None:
        gradient([batch], batch.reply_tokens)
        nn.utils.clip_grad_norm_([flat.whole], 1.0)
        optimiser.step()
        flat.zero_grad()

    return step


def gradient_of(way: Way, model: PeftModel, trained: Sequence[nn.Parameter]) -> GradientStep:
    """Our gradients in this way."""
    if way.graph:
        fused = FusedDecoder(model, keep_all=not way.checkpointing) if way.fused else None
        return GraphedStep(ReplyLossModule(model, fused), trained, bfloat16=True)
    module = ReplyLossModule(model)

    def eager(batches: Sequence[Batch], tokens: float) -> Tensor:
        with torch.autocast("cuda", torch.bfloat16):
            loss = module(batches[0].to(torch.device("cuda"))) / tokens
        loss.backward()
        return loss.detach()

    return eager


@contextmanager
def prepared(way: Way, folder: Path, dtype: torch.dtype = torch.bfloat16) -> Iterator[PeftModel]:
    """The model of this way, computing in `dtype`."""
    if way.liger:
        import_module("liger_kernel.transformers").apply_liger_kernel_to_mistral()
    base = resolve_base(str(folder), folder.parent, lambda *_: None)
    model, _ = load_quantised(base, compute_dtype=dtype, trainable=True)
    if way.checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False, "preserve_rng_state": False})
    config = LoraConfig(r=way.r, lora_alpha=32, target_modules=way.targets)
    adapted = cast("PeftModel", get_peft_model(model, config))
    for parameter in adapted.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
    assert isinstance(adapted, PeftModel)
    adapted.train()
    yield adapted


def free() -> None:
    gc.collect()
    torch.cuda.empty_cache()


def timed(way: Way, layout: str, folder: Path, *, profiled: bool) -> tuple[str, str]:
    """Real tokens a second (median over steps) and the peak in GiB; every batch twice first."""
    torch.cuda.reset_peak_memory_stats()
    with prepared(way, folder) as model:
        step = step_of(way, model)
        speeds: list[float] = []
        batches = batches_of(layout, STEPS)
        for batch in batches * WARM_UPS:  # kernels compile and graphs are captured
            step(batch)
        for batch in batches:
            torch.cuda.synchronize()
            begun = time.perf_counter()
            step(batch)
            torch.cuda.synchronize()
            speeds.append(real_tokens(batch) / (time.perf_counter() - begun))
        peak = torch.cuda.max_memory_allocated() / GIB
        if profiled:
            print(where_time_goes(lambda: step(batches[0])), flush=True)
        return f"{statistics.median(speeds):,.0f}", f"{peak:.2f}"


def apart(found: Tensor, wanted: Tensor) -> float:
    """The relative distance of two gradients."""
    return float((found - wanted).norm() / wanted.norm())


def in_float32(
    way: Way, folder: Path, batches: Sequence[Batch]
) -> tuple[Tensor, list[tuple[float, Tensor]]]:
    """A random adapter's values, and for each batch its loss and gradient in float32."""
    found: list[tuple[float, Tensor]] = []
    with prepared(way, folder, torch.float32) as model:
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.data.normal_(0, 0.02)
        flat = FlatParameter([p for p in model.parameters() if p.requires_grad])
        module = ReplyLossModule(model)
        for batch in batches:
            flat.zero_grad()
            loss = module(batch.to(torch.device("cuda"))) / batch.reply_tokens
            loss.backward()
            found.append((float(loss), flat.gradient.clone()))
        return flat.whole.detach(), found


def check(folder: Path) -> Iterator[str]:
    """How far losses and gradients are from those of the same weights in float32."""
    way = next(way for way in WAYS if way.ours)
    batches = batches_of("packed", 2)
    values, truth = in_float32(way, folder, batches)
    free()
    with prepared(way, folder) as model:
        trained = [p for p in model.parameters() if p.requires_grad]
        flat = FlatParameter(trained)
        flat.whole.data.copy_(values)
        steps = {one.name: gradient_of(one, model, trained) for one in WAYS if one.ours}
        for batch, (loss, wanted) in zip(batches, truth, strict=True):
            yield f"float32: loss {loss:.4f}"
            for name, step in steps.items():
                flat.zero_grad()
                found = float(step([batch], batch.reply_tokens))
                distance = apart(flat.gradient, wanted)
                yield f"{name}: loss {found:.4f}, gradient {distance:.1e} apart"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("var"), help="for weights (var)")
    parser.add_argument("--layers", type=int, default=32)
    parser.add_argument("--only", default="", help="names that contain this")
    parser.add_argument("--rows", default="", help="layouts that contain this")
    parser.add_argument("--check", action="store_true", help="compare the gradients first")
    parser.add_argument("--profile", action="store_true", help="where each way's time goes")
    options = parser.parse_args()
    if not torch.cuda.is_available():
        print(training_cpu.measure(options.folder))
        return
    folder = options.folder / "random-mistral"
    make_base(folder, options.layers)
    free()
    print(torch.cuda.get_device_name(), torch.__version__, flush=True)
    if options.check:
        print(*check(folder), sep="\n", flush=True)
    free()
    table: list[list[Any]] = []
    for way in WAYS:
        if options.only not in way.name:
            continue
        for layout in (one for one in way.layouts if options.rows in one):
            try:
                found = timed(way, layout, folder, profiled=options.profile)
            except (RuntimeError, ImportError, TypeError, AttributeError) as error:
                found = (f"{type(error).__name__}: {str(error).splitlines()[0][:80]}", "")
            free()
            table.append([way.name, layout, *found])
            print(*table[-1], sep=" | ", flush=True)
    print(markdown(("way", "rows", "real tokens/s", "peak GiB"), table))


if __name__ == "__main__":
    main()
