"""`python -m training promote` and `rollback`: which adapter answers people."""

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from model.loading.names import check_name
from training.cli.command import TrainingCommand, variable

if TYPE_CHECKING:
    from model.loading.registry import Promotion
    from training.ship.promote import Change, Tell


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of `promote`."""
    parser.add_argument(
        "adapter",
        metavar="FOLDER-or-NAME",
        help="its folder, its name under var/training, or a version promoted before",
    )
    add_name_argument(parser)
    parser.add_argument("--base", help="demo, a folder or a hub id (BASE_MODEL, else demo)")
    parser.add_argument(
        "--override",
        type=_reason,
        metavar="REASON",
        help="promote an adapter that is no better than its base, or that people's votes refuse; "
        "the reason is recorded",
    )


def add_name_argument(parser: ArgumentParser) -> None:
    """Add the argument of both commands, the variant's name."""
    parser.add_argument(
        "--as", dest="name", type=_name, default="tuned", help="the variant's name (tuned)"
    )


def run_promote(options: Namespace, home: Path) -> None:
    """Promote, tell the worker, and say what answers now."""
    from model.loading.registry import Registry
    from training.cli.terminal import find_base, show
    from training.ship.gate import AlwaysOpen
    from training.ship.promote import find_adapter, promote

    registry = Registry(home)
    folder = find_adapter(options.adapter, options.name, home, registry)
    base = find_base(options.base or variable("BASE_MODEL") or "demo", home)
    told: list[str] = []
    change = promote(
        folder,
        options.name,
        base,
        registry,
        AlwaysOpen(),
        _telling(told),
        override=options.override,
    )
    show(_describe(change), *told)


def run_rollback(options: Namespace, home: Path) -> None:
    """Roll back, tell the worker, and say what answers now."""
    from model.loading.registry import Registry
    from training.cli.terminal import show
    from training.ship.promote import roll_back

    told: list[str] = []
    change = roll_back(options.name, Registry(home), _telling(told))
    show(_describe(change), *told)


def _telling(told: list[str]) -> "Tell":
    """A function that tells the worker at WORKER_URL and adds its answer to `told`."""
    from training.ship.tell_worker import WorkerAddress

    worker = WorkerAddress(variable("WORKER_URL"), variable("WORKER_API_KEY"))
    return lambda name, version: told.append(worker.tell(name, version))


def _describe(change: "Change") -> str:
    """One line: what answers now, and what did before."""
    now, before = _named(change.now), _named(change.before)
    if now == before:
        return f"{change.name}: {now} answers already"
    return f"{change.name}: {now} answers now; before: {before}"


def _named(promotion: "Promotion | None") -> str:
    from training.ship.promote import NO_BETTER

    if promotion is None:
        return "what the worker's settings name"
    told = f", {promotion.votes}" if promotion.votes else ""
    if promotion.override:
        # Promotions of earlier versions do not say what stood against them: it was this.
        told += f", {promotion.refused or NO_BETTER}, overridden: {promotion.override}"
    return f"{promotion.adapter} (version {promotion.version}{told})"


def _reason(text: str) -> str:
    if not (reason := " ".join(text.split())):
        raise ArgumentTypeError("give a reason, which is recorded")
    return reason


def _name(text: str) -> str:
    try:
        return check_name(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None


PROMOTE = TrainingCommand(
    "promote",
    "let an adapter answer people, from the next message on",
    add_arguments,
    run_promote,
)
ROLLBACK = TrainingCommand(
    "rollback",
    "let the adapter before the last promotion answer again",
    add_name_argument,
    run_rollback,
)
