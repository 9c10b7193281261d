"""`python -m tests.bench.reuse`: what sharing the beginnings of prompts saves, and what it costs.

The same rows run alternately on two engines over the same weights, one of which shares nothing.
Times are shown as ratios of the two, the median of all with the lowest and the highest.
"""

import argparse
import statistics
import time
from collections.abc import Sequence

import torch

from model.engine.cache import BlockPool
from model.engine.engine import TokenEngine
from model.engine.reuse import PrefixReuse
from model.engine.scheduler import Scheduler
from model.runner.eager import TorchRunner
from model.settings import load_settings
from tests.bench.engines import MAX_CONTEXT, load_demo, request
from tests.bench.table import markdown, spread

CACHE_BLOCKS, BLOCK, CHUNK = 400, 32, 128
LENGTH, MESSAGES, ANSWER, QUESTION = 1000, 10, 8, 20


def load_pair() -> tuple[TokenEngine, TokenEngine]:
    """The demo model as an engine that shares prefixes, and as one that does not."""
    demo = load_demo(load_settings().fungpt_home)

    def engine(*, reuse: bool) -> TokenEngine:
        pool = BlockPool(CACHE_BLOCKS, BLOCK)
        limits = {"max_running": 8, "max_waiting": 8, "prefill_chunk": CHUNK}
        return TokenEngine(
            TorchRunner(demo.weights, demo.stacks, pool.capacity),
            Scheduler(pool, PrefixReuse(pool, enabled=reuse), **limits),
            pool,
            adapters=demo.stacks.cards,
            max_context=MAX_CONTEXT,
            eos_ids=(),
        )

    return engine(reuse=True), engine(reuse=False)


def random_ids(count: int) -> list[int]:
    """Tokens that nobody has seen before."""
    return torch.randint(100, 40_000, (count,)).tolist()


def ask(engine: TokenEngine, ids: Sequence[int], answers: int = 1) -> tuple[float, float]:
    """Seconds until every answer to a prompt has its first token, and until all have ended."""
    begun, first, got = time.perf_counter(), 0.0, set[str]()
    for number in range(answers):
        engine.add(request(str(number), ids, "tuned", ANSWER, new=False))
    while engine.has_work():
        got.update(output.id for output in engine.step() if output.token_id is not None)
        if len(got) == answers and first == 0:
            first = time.perf_counter() - begun
    return first, time.perf_counter() - begun


def conversation(pair: tuple[TokenEngine, TokenEngine], rounds: int) -> str:
    """The first token of each message of a conversation that is 1,000 tokens long already."""
    ratios: dict[int, list[float]] = {}
    seconds: dict[int, tuple[float, float]] = {}
    for _ in range(rounds):
        ids = random_ids(LENGTH)
        for message in range(1, MESSAGES + 1):
            shared, alone = (ask(engine, ids)[0] for engine in pair)
            ratios.setdefault(message, []).append(shared / alone)
            seconds[message] = (shared, alone)
            ids += random_ids(ANSWER + QUESTION)  # so nothing of the answer itself is shared
    rows = [
        [str(message), spread(values, ".3f"), *(f"{one:.2f}" for one in seconds[message])]
        for message, values in ratios.items()
    ]
    later = [value for message, values in ratios.items() if message > 1 for value in values]
    rows.append(["2 to 10", spread(later, ".3f"), "", ""])
    return markdown(("message", "first token, ratio", "last s", "without s"), rows)


def alternating(pair: tuple[TokenEngine, TokenEngine], answers: int, rounds: int) -> str:
    """The ratio of the whole time of requests with nothing in common, and to the first tokens."""
    whole: list[float] = []
    first: list[float] = []
    for number in range(rounds + 1):
        ids = random_ids(300)
        order = pair if number % 2 else pair[::-1]
        times = {engine: ask(engine, ids, answers) for engine in order}
        first.append(times[pair[0]][0] / times[pair[1]][0])
        whole.append(times[pair[0]][1] / times[pair[1]][1])
    return f"first tokens {spread(first[1:], '.3f')}, whole {spread(whole[1:], '.3f')}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="conversations that are measured")
    rounds = parser.parse_args().rounds
    pair = load_pair()
    for engine in pair:
        ask(engine, random_ids(300))
    print(conversation(pair, rounds))
    print("nothing in common, one row:", alternating(pair, 1, 10 * rounds))
    print("eight answers to one prompt of 300 tokens:", alternating(pair, 8, rounds))
    copies = [measure_copy(pair[0]) for _ in range(9)]
    print(f"a copy of 1,000 tokens: {statistics.median(copies) * 1000:.1f} ms")


def measure_copy(engine: TokenEngine) -> float:
    """Seconds that a copy of 1,000 tokens in the cache takes."""
    begun = time.perf_counter()
    engine._runner.copy(0, 5_000, LENGTH)
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
