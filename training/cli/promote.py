"""`python -m training promote`: let an adapter answer people."""

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from model.loading.names import check_name

if TYPE_CHECKING:
    from model.loading.registry import Promotion
    from training.ship.promote import Change, Tell

SUMMARY = "let an adapter answer people, from the next message on"


def add_arguments(parser: ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument(
        "adapter",
        metavar="FOLDER-or-NAME",
        help="its folder, its name under var/training, or a version promoted before",
    )
    add_name(parser)
    parser.add_argument("--base", help="demo, a folder or a hub id (BASE_MODEL, else demo)")


def add_name(parser: ArgumentParser) -> None:
    """The variant's name."""
    parser.add_argument(
        "--as", dest="name", type=_name, default="tuned", help="the variant's name (tuned)"
    )


def run(options: Namespace, home: Path) -> None:
    """Promote, tell the worker, and say what answers now."""
    from model.loading.registry import Registry
    from training.cli.terminal import find_base, show
    from training.ship.environment import variable
    from training.ship.gate import AlwaysOpen
    from training.ship.promote import find_adapter, promote

    registry = Registry(home)
    folder = find_adapter(options.adapter, options.name, home, registry)
    base = find_base(options.base or variable("BASE_MODEL") or "demo", home)
    told: list[str] = []
    change = promote(folder, options.name, base, registry, AlwaysOpen(), telling(told))
    show(describe(change), *told)


def telling(told: list[str]) -> "Tell":
    """Tell the worker of the environment's address, and keep what came of it."""
    from training.ship.environment import variable
    from training.ship.tell_worker import WorkerAddress

    worker = WorkerAddress(variable("WORKER_URL"), variable("WORKER_API_KEY"))
    return lambda name, version: told.append(worker.tell(name, version))


def describe(change: "Change") -> str:
    """One line: what answers now, and what did before."""
    now, before = _named(change.now), _named(change.before)
    if now == before:
        return f"{change.name}: {now} answers already"
    return f"{change.name}: {now} answers now; before: {before}"


def _named(promotion: "Promotion | None") -> str:
    if promotion is None:
        return "what the worker's settings name"
    return f"{promotion.adapter} (version {promotion.version})"


def _name(text: str) -> str:
    try:
        return check_name(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None
