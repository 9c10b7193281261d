"""Where a training step's time on a GPU goes: milliseconds by kind of kernel, and the kernels."""

import re
from collections import defaultdict
from collections.abc import Callable

import torch
from torch.autograd.profiler_util import FunctionEvent
from torch.profiler import ProfilerActivity, profile

# The first pattern that is found in a kernel's name decides.
KINDS = (
    ("dequantisation", r"dequant|Dequant"),
    ("attention", r"flash|fmha|attention"),
    ("norms, rotation, activation", r"_norm_|_rotate|_swiglu"),
    ("optimiser and clipping", r"Optimizer|optimizer|NormTwo|norm_kernel|LpNorm|multi_tensor"),
    ("matrix products", r"gemm|nvjet|cutlass|splitK|cublas|gemv"),
    ("copies and casts", r"Memcpy|Memset|copy|Cat|FillFunctor"),
    ("element by element", r"elementwise"),
    ("sums", r"reduce"),
)
SHOWN = 24


def where_time_goes(step: Callable[[], None], steps: int = 3) -> str:
    """Run a few steps under the profiler; lines with milliseconds a step."""
    torch.cuda.synchronize()
    with profile(activities=[ProfilerActivity.CUDA]) as found:
        for _ in range(steps):
            step()
        torch.cuda.synchronize()
    kernels: dict[str, list[float]] = defaultdict(list)
    for event in found.events() or ():
        assert isinstance(event, FunctionEvent)
        if event.device_type.name == "CUDA":
            kernels[event.name].append(event.device_time_total / 1000)
    kinds: dict[str, float] = defaultdict(float)
    for name, times in kernels.items():
        kind = next((kind for kind, pattern in KINDS if re.search(pattern, name)), "others")
        kinds[kind] += sum(times) / steps
    lines = [f"{sum(kinds.values()):8.2f} ms of kernels a step"]
    lines += [f"{ms:8.2f} {kind}" for kind, ms in sorted(kinds.items(), key=lambda one: -one[1])]
    longest = sorted(kernels.items(), key=lambda one: -sum(one[1]))[:SHOWN]
    for name, times in longest:
        lines.append(f"  {sum(times) / steps:8.2f} {len(times) // steps:6} x {name[:110]}")
    return "\n".join(lines)
