"""What a new row costs those that run, and how soon it speaks."""

import statistics
import time
from dataclasses import dataclass
from itertools import pairwise

from model.engine.api import TokenRequest
from model.engine.engine import TokenEngine
from model.sampling import SamplingParams


@dataclass(frozen=True)
class Arrival:
    """Seconds: until the new row's first token, the longest gap of the others, their usual one."""

    first: float
    longest_gap: float
    usual_gap: float


def arrival(
    engine: TokenEngine, running: int, prompts: list[tuple[int, ...]], params: SamplingParams
) -> Arrival:
    """Let `running` rows decode, add a row with the last of `prompts`, and watch.

    There must be one prompt more than rows. All rows are aborted in the end.
    """
    ids = [f"running {i}" for i in range(running)]
    for i, id_ in enumerate(ids):
        variant = engine.variants[i % len(engine.variants)]
        engine.add(TokenRequest(id_, prompts[i], variant, params))
    seen: dict[str, list[float]] = {id_: [] for id_ in (*ids, "new")}

    def step() -> None:
        outputs = engine.step()
        now = time.perf_counter()
        for output in outputs:
            if output.token_id is not None:
                seen[output.id].append(now)

    while any(len(seen[id_]) < 8 for id_ in ids):
        step()
    begun = time.perf_counter()
    before = {id_: len(seen[id_]) for id_ in ids}
    engine.add(TokenRequest("new", prompts[-1], engine.variants[-1], params))
    while not seen["new"]:
        step()
    first = seen["new"][0] - begun
    for _ in range(8):
        step()
    gaps: list[float] = []
    usual: list[float] = []
    for id_ in ids:
        times = seen[id_]
        both = [later - earlier for earlier, later in pairwise(times)]
        usual += both[4 : before[id_] - 1]
        gaps += both[before[id_] - 1 :]
    for id_ in seen:
        engine.abort(id_)
    engine.step()
    middle = statistics.median(usual) if usual else 0.0
    return Arrival(first, max(gaps, default=0.0), middle)
