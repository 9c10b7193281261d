"""The check at the first load of a base: what it compares when, and where it is remembered."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from transformers import PreTrainedModel

from model.loading.base import Progress, ResolvedBase
from model.runner.check_record import CheckRecords, check_key
from model.runner.comparison import (
    MakeRunner,
    check_function,
    check_served,
    expected_logits,
)
from model.runner.eager import TorchRunner
from model.runner.exact import in_float32
from model.runner.weights import Compute, Weights, loading_dtype
from model.settings import WorkerSettings


@dataclass(frozen=True, slots=True)
class SelfCheck:
    """Holds `base`, computed as `compute` and `settings` say, beside transformers' forward pass.

    `ids` begin some text of the model's. `max_context` is in tokens. `make_runner` makes the runner
    that computes prompts as they are served.
    """

    base: ResolvedBase
    compute: Compute
    settings: WorkerSettings
    max_context: int
    ids: Sequence[int]
    make_runner: MakeRunner = TorchRunner

    def weights(
        self, model: PreTrainedModel, take: Callable[[], Weights], progress: Progress
    ) -> Weights:
        """What `take` takes from `model`, which may be used up then.

        Raises UnsupportedArchitecture or ConfigError, one line, where they compute something else.
        A base that passes is not compared again.
        """
        on_gpu = model.device.type == "cuda"
        computed = f"gpu {self.settings.gpu_compute}" if on_gpu else f"cpu {self.compute}"
        records = CheckRecords(self.settings.fungpt_home)
        key = check_key(self.base.folder, computed, model.device, self.max_context)
        if records.has(key):
            return take()
        progress(f"comparing {self.base.id} with transformers (once)", None)
        config, exact = model.config, loading_dtype(self.compute, model.device) is torch.float32
        with in_float32(model):
            expected = expected_logits(self.base.id, model, self.ids, self.max_context)
            function = check_function(expected, model, self.max_context)
        weights = take()
        instead = "set GPU_COMPUTE=nf4" if on_gpu else "set CPU_COMPUTE=float32"
        served = check_served(
            expected, weights, config, self.make_runner, exact=exact, instead=instead
        )
        records.add(key, self.base.id, computed, function=function, served=served)
        return weights
