"""Decoding on a GPU: rows of base and tuned, sampled as users do, beside the card's limit.

`python -m tests.bench.gpu --folder DIR` makes a random-weight Mistral-7B in DIR first; no hub is
needed. `--peers` adds transformers' `generate` with peft.
"""

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import MistralConfig, MistralForCausalLM, PreTrainedTokenizerFast

from model.assembly import build_engine, stack_adapters
from model.engine.api import TokenRequest
from model.engine.engine import BatchRow, TokenEngine
from model.loading.adapters import load_adapter
from model.loading.base import resolve_base
from model.loading.quantised import check_architecture, load_quantised
from model.runner.eager import TorchRunner
from model.runner.gpu.runner import GraphRunner
from model.runner.weights import best_compute, take_weights
from model.sampling import SamplingParams
from tests.bench.table import markdown
from tests.fakes.settings import worker_settings
from tests.fakes.tiny_model import LINEARS, tiny_tokenizer

PROMPT = 300
TOKENS = 96
AT_ONCE = (1, 4, 16, 64)
GREEDY = SamplingParams(max_tokens=TOKENS, temperature=0)
SAMPLED = SamplingParams(
    max_tokens=TOKENS, temperature=0.7, top_p=0.9, repetition_penalty=1.05, seed=1
)


def make_base(folder: Path, layers: int) -> None:
    """A random Mistral-7B (or a shorter one) with a tokenizer."""
    torch.manual_seed(0)
    config = MistralConfig(num_hidden_layers=layers, dtype=torch.bfloat16, sliding_window=None)
    with torch.device("cuda"):
        previous = torch.get_default_dtype()
        torch.set_default_dtype(torch.bfloat16)
        model = MistralForCausalLM(config)
        torch.set_default_dtype(previous)
    model.save_pretrained(folder)
    tokenizer: PreTrainedTokenizerFast = tiny_tokenizer()
    tokenizer.save_pretrained(folder)


def make_adapter(model: torch.nn.Module, folder: Path) -> PeftModel:
    """A random r16 adapter on all linears, saved, and the model with it."""
    adapted = get_peft_model(model, LoraConfig(r=16, lora_alpha=16, target_modules=LINEARS))
    with torch.no_grad():
        for name, weight in adapted.named_parameters():
            if "lora_B" in name:
                weight.normal_(0, 0.02)
    adapted.save_pretrained(str(folder))
    return adapted.eval()


def prompt_ids(row: int) -> tuple[int, ...]:
    """A prompt of its own for each row."""
    generator = torch.Generator().manual_seed(row)
    return tuple(torch.randint(3, 30000, (PROMPT,), generator=generator).tolist())


def decode(
    engine: TokenEngine, variants: list[str], params: SamplingParams
) -> tuple[float, float, dict]:
    """Tokens a second over all rows while all decode, seconds to the last first token, the ids."""
    out: dict[str, list[int]] = {str(i): [] for i in range(len(variants))}
    begun = time.perf_counter()
    for i, variant in enumerate(variants):
        engine.add(TokenRequest(str(i), prompt_ids(i), variant, params))
    times: list[tuple[float, int]] = []
    first = 0.0
    while engine.has_work():
        outputs = engine.step()
        for output in outputs:
            if output.token_id is not None:
                out[output.id].append(output.token_id)
        if all(out.values()):
            first = first or time.perf_counter() - begun
            times.append((time.perf_counter(), sum(map(len, out.values()))))
    full = [entry for entry in times if min(map(len, out.values())) < 10**9]
    (t0, n0), (t1, n1) = full[2], full[-2]
    return (n1 - n0) / (t1 - t0), first, out


def step_error(
    runner: GraphRunner, plain: TorchRunner, engine: TokenEngine, variants: list[str]
) -> list[str]:
    """How far a decode step's logits lie from the plain runner's, row by row."""
    for i, variant in enumerate(variants):
        engine.add(TokenRequest(f"e{i}", prompt_ids(i), variant, GREEDY))
    seen: list[BatchRow] = []
    original = runner.run

    def watch(batch: list[BatchRow]) -> dict[str, int]:
        if len(batch) == len(variants) and all(len(row.input_ids) == 1 for row in batch):
            seen[:] = batch
        return original(batch)

    runner.run = watch  # pyright: ignore[reportAttributeAccessIssue]
    while not seen:
        engine.step()
    rows = [runner._decode_row(row, None) for row in seen]
    with torch.inference_mode():
        runner._inputs.write(rows, len(rows))
        ours = runner._step.launch(len(rows), adapters=True).clone()
        theirs = plain.forward(list(seen))
    del runner.run
    for i in range(len(variants)):
        engine.abort(f"e{i}")
    engine.step()
    errors = (ours - theirs).norm(dim=1) / theirs.norm(dim=1)
    same = (ours.argmax(1) == theirs.argmax(1)).sum()
    return [
        f"{len(rows)} rows: relative difference of logits, median {errors.median():.1e}, "
        f"largest {errors.max():.1e}; the same best token in {same}"
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--layers", type=int, default=32)
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    folder = options.folder
    make_base(folder / "base", options.layers)
    base = resolve_base(str(folder / "base"), folder, print)
    config = check_architecture(base)
    model, _ = load_quantised(base, compute_dtype=torch.bfloat16, trainable=False)
    make_adapter(model, folder / "adapter")
    del model
    torch.cuda.empty_cache()
    adapter = load_adapter("tuned", str(folder / "adapter"), base, config, print)
    begun = time.perf_counter()
    fresh, _ = load_quantised(base, compute_dtype=torch.bfloat16, trainable=False)
    loaded = time.perf_counter()
    settings = worker_settings(
        kv_cache_mb=8192, max_running=64, prefill_chunk=512, fungpt_home=folder
    )
    weights = take_weights(fresh, best_compute(torch.device("cuda")), 4096, folder / "kernels")
    del fresh
    torch.cuda.empty_cache()
    tiled = time.perf_counter()
    stacks = stack_adapters([adapter], config, weights)
    engine = build_engine(settings, weights, stacks, set(), 4096)
    torch.cuda.synchronize()
    ready = time.perf_counter()
    print(
        f"load {loaded - begun:.1f} s, tiles {tiled - loaded:.1f} s, kernels and graphs {ready - tiled:.1f} s"
    )
    print(
        f"{torch.cuda.memory_allocated() / 2**30:.2f} GiB held, peak {torch.cuda.max_memory_allocated() / 2**30:.2f}",
        flush=True,
    )
    runner = engine._runner
    plain = runner._prompts
    for variants in (["base"], ["tuned"], ["base", "tuned"] * 8, ["base", "tuned"] * 32):
        print("\n".join(step_error(runner, plain, engine, variants)), flush=True)
    from tests.bench.gpu_kernels import copy_bandwidth

    bandwidth = copy_bandwidth()
    limit = bandwidth / 3.78e9
    found: list[dict[str, Any]] = []
    rows: list[list[str]] = []
    for name, pattern, params in (
        ("mixed, sampled", ["base", "tuned"], SAMPLED),
        ("mixed, greedy", ["base", "tuned"], GREEDY),
        ("base, greedy", ["base"], GREEDY),
    ):
        for count in AT_ONCE:
            variants = (pattern * count)[:count] if count > 1 or len(pattern) == 1 else ["tuned"]
            decode(engine, variants, params)
            runs = [decode(engine, variants, params) for _ in range(3)]
            rate = statistics.median(run[0] for run in runs)
            first = statistics.median(run[1] for run in runs)
            graph = runner._graph(count, adapters="tuned" in variants)
            begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
            begin.record()
            for _ in range(10):
                graph.replay()
            end.record()
            torch.cuda.synchronize()
            step = begin.elapsed_time(end) / 10
            share = rate / (limit * count)
            found.append(
                {"rows": count, "name": name, "rate": rate, "step_ms": step, "first_s": first}
            )
            options.out.write_text(json.dumps(found))
            rows.append(
                [
                    name,
                    str(count),
                    f"{rate:.0f}",
                    f"{share:.1%}",
                    f"{step:.2f}",
                    f"{1000 * count / rate:.2f}",
                    f"{first:.3f}",
                ]
            )
    print(torch.cuda.get_device_name(), torch.__version__, f"copy {bandwidth / 1e12:.2f} TB/s")
    print(
        markdown(
            ("rows", "at once", "tok/s", "share of limit", "graph ms", "step ms", "first token s"),
            rows,
        )
    )
    if options.profile:
        runner._inputs.write([], 16)
        for count in (1, 16, 64):
            with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as prof:
                runner._graph(count, adapters=True).replay()
                torch.cuda.synchronize()
            print(
                count,
                prof.key_averages().table(
                    sort_by="cuda_time_total", row_limit=12, max_name_column_width=30
                )[:3500],
            )


if __name__ == "__main__":
    main()
