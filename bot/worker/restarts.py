"""Decides whether a worker that ended is started again, and when. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

CONFIGURATION_EXIT = 2  # the worker's exit code for settings it cannot use
LOADING_EXIT = 3  # the worker's exit code for a model it could not load


@dataclass(frozen=True, slots=True)
class Death:
    """How a worker ended that nobody had asked to end.

    `code` is its exit code (minus the signal's number where a signal ended it), None when it hung
    or could not be started. `served_s` is how long it was ready, in seconds, None when it never
    was. `line` says why it ended, and is empty where nobody knows. `stuck` says that it hung while
    loading, `configuration` that a setting is to blame: another start mends neither.
    """

    code: int | None
    served_s: float | None
    line: str
    stuck: bool = False
    configuration: bool = False


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """Exponential back-off with jitter; times in seconds.

    After `give_up_after` short lives in a row the worker is given up. A life is short when the
    worker was ready for less than `steady_s`.
    """

    first_s: float = 0.5
    factor: float = 2.0
    longest_s: float = 30.0
    jitter: float = 0.25
    give_up_after: int = 5
    steady_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Restart:
    """Start the worker again after `delay_s` seconds."""

    delay_s: float


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Do not start the worker again; `message` is one line that says why.

    `configuration` says that a setting is to blame.
    """

    message: str
    configuration: bool = False


def decide(deaths: Sequence[Death], policy: RestartPolicy, rng: Random) -> Restart | GiveUp:
    """What to do after the last of `deaths`, which has at least one, oldest first."""
    last = deaths[-1]
    ever_ready = any(death.served_s is not None for death in deaths)
    if last.served_s is None and last.configuration:
        return GiveUp(f"The worker cannot be used: {last.line}", configuration=True)
    if last.served_s is None and last.code == CONFIGURATION_EXIT:
        return GiveUp(f"The worker refused to start: {last.line}", configuration=True)
    if last.code == LOADING_EXIT and not ever_ready:
        return GiveUp(f"The worker could not load its model: {last.line}")
    if last.stuck and not ever_ready:
        return GiveUp(f"The worker does not become ready: {last.line}")
    streak = _unsteady_streak(deaths, policy.steady_s)
    if streak >= policy.give_up_after:
        words = f": {last.line}" if last.line else ""
        line = f"The worker ended {streak} times in a row ({describe(last)}){words}"
        return GiveUp(line, configuration=last.configuration)
    return Restart(delay(streak, policy, rng))


def delay(streak: int, policy: RestartPolicy, rng: Random) -> float:
    """Seconds to wait after `streak` short lives in a row; jitter only makes it shorter."""
    full = min(policy.longest_s, policy.first_s * policy.factor ** max(0, streak - 1))
    return full * (1 - policy.jitter * rng.random())


def describe(death: Death) -> str:
    """How the worker ended, in two or three words."""
    if death.code is None:
        return "unresponsive"
    if death.code < 0:
        return f"killed by signal {-death.code}"
    return f"exit code {death.code}"


def _unsteady_streak(deaths: Sequence[Death], steady_s: float) -> int:
    streak = 0
    for death in reversed(deaths):
        if death.served_s is not None and death.served_s >= steady_s:
            break
        streak += 1
    return streak
