"""Whether a base is computed here as transformers computes it: a few logits are compared.

Three rows are read, a prompt in two chunks beside shorter ones that decode a token, and their
logits are held beside those of transformers' own forward pass over the same 4-bit weights in
float32. The distance is a share of the spread: ‖ours − theirs‖ / ‖theirs − mean of the
vocabulary‖ over all places together.

First our runner computes in float32 as well, where a wrong function shows: ten roundings a layer of
u = 2⁻²⁴ move the logits by about u·√(10·layers), some 10⁻⁶. Then it computes as it serves, where
u = 2⁻⁹ would hide a small mistake, and a wrong kernel shows. docs/experiments.md has the figures of
models that are computed right, and of some that are not.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from transformers import PretrainedConfig, PreTrainedModel

from model.engine.batch import BatchRow
from model.errors import ConfigError, UnsupportedArchitecture
from model.loading.adapters import linear_shapes
from model.loading.quantised import first_line, is_out_of_memory
from model.runner.eager import SamplingRunner, TorchRunner
from model.runner.exact import exact_weights, transformers_logits
from model.runner.lora import LoraAdapters
from model.runner.weights import Weights

# From weights, adapters and the number of cache slots.
MakeRunner = Callable[[Weights, LoraAdapters, int], SamplingRunner]
EXACT, ROUNDED = 1e-4, 0.5
_CHUNK = 32  # tokens
_INSTEAD = (
    "take a model that docs/worker.md lists, or serve this one with vLLM and set WORKER_URL "
    "(docs/scale.md)"
)


@dataclass(frozen=True, slots=True)
class Expected:
    """What transformers computes for a base: `logits` (places, vocab) of a text, float32.

    `steps` say which tokens each row reads in each step; the last of each part is a place. All rows
    are beginnings of the text `ids`, so that one pass gives the logits of all places.
    """

    base_id: str
    ids: tuple[int, ...]
    steps: tuple[tuple[range, ...], ...]
    logits: Tensor


def expected_logits(
    base_id: str, model: PreTrainedModel, ids: Sequence[int], max_context: int
) -> Expected:
    """Ask transformers. `ids` are some text of the model's, which is repeated if it is short.

    Call it within `in_float32`. Raises ConfigError, one line, where there are no such logits.
    """
    chunk = max(4, min(_CHUNK, max_context // 2))
    half, quarter = chunk // 2, chunk // 4
    steps = (
        (range(chunk), range(half), range(quarter)),
        (range(chunk, chunk + half), range(half, half + 1), range(quarter, quarter + 1)),
    )
    text = tuple(ids[i % len(ids)] for i in range(chunk + half))
    places = [part[-1] for step in steps for part in step]
    try:
        logits = transformers_logits(model, text, places).cpu()
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        if is_out_of_memory(error):
            raise
        raise ConfigError(f"{base_id} does not run in transformers: {first_line(error)}") from error
    if not logits.isfinite().all():
        raise ConfigError(
            f"{base_id} computes numbers that are not finite, in transformers as well: its weights "
            "are damaged, or do not bear 4 bits"
        )
    return Expected(base_id, text, steps, logits)


def check_function(expected: Expected, model: PreTrainedModel, max_context: int) -> float:
    """How far our logits are from transformers' when both compute in float32.

    Call it within `in_float32`. Raises UnsupportedArchitecture, one line, where it is too far.
    """
    take = partial(exact_weights, model, max_context)
    distance = _distance(expected, take, model.config, TorchRunner)
    if distance <= EXACT:
        return distance
    raise UnsupportedArchitecture(
        f"{expected.base_id} is not computed right here: {_apart(distance, EXACT)}; {_INSTEAD}"
    )


def check_served(
    expected: Expected, weights: Weights, config: PretrainedConfig,
    make_runner: MakeRunner = TorchRunner, *, exact: bool, instead: str,
) -> float:  # fmt: skip
    """The same for the weights as they are served; with `exact`, they compute in float32.

    `make_runner` makes the runner that computes them. `instead` says which setting to change.
    Raises ConfigError, one line, where it is too far.
    """
    bound = EXACT if exact else ROUNDED
    distance = _distance(expected, lambda: weights, config, make_runner)
    if distance <= bound:
        return distance
    raise ConfigError(
        f"{expected.base_id} is not computed right on this device: {_apart(distance, bound)}; "
        f"{instead}"
    )


def _apart(distance: float, bound: float) -> str:
    return (
        f"its logits are {distance:.2g} of their spread away from those of transformers, and "
        f"rounding explains {bound:g}"
    )


@torch.inference_mode()
def _distance(
    expected: Expected, take: Callable[[], Weights], config: PretrainedConfig,
    make_runner: MakeRunner,
) -> float:  # fmt: skip
    try:
        found = _logits(expected, take(), config, make_runner).cpu()
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        if is_out_of_memory(error):
            raise
        raise UnsupportedArchitecture(
            f"{expected.base_id} does not run here: {first_line(error)}; {_INSTEAD}"
        ) from error
    theirs = expected.logits
    spread = (theirs - theirs.mean(dim=-1, keepdim=True)).norm()
    # A model that says nothing (all logits alike) has no spread: then nothing may differ.
    return float((found - theirs).norm() / spread.clamp_min(torch.finfo(spread.dtype).tiny))


def _logits(
    expected: Expected, weights: Weights, config: PretrainedConfig, make_runner: MakeRunner
) -> Tensor:
    """Our logits at the places of `expected`."""
    shapes, device = linear_shapes(config), weights.embedding.device
    none = LoraAdapters([], shapes, len(weights.layers), weights.dtype, device)
    room = len(expected.ids)
    runner = make_runner(weights, none, len(expected.steps[0]) * room)
    out: list[Tensor] = []
    for step in expected.steps:
        batch = [
            BatchRow(str(row), None, [*expected.ids[part[0] : part[-1] + 1]], part[0], row * room,
                     samples=True)
            for row, part in enumerate(step)
        ]  # fmt: skip
        out.append(runner.forward(batch))
    return torch.cat(out)
