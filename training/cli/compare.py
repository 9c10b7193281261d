"""`python -m training compare`: answers to the fixed prompts, side by side."""

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from data.files.datasets import PROMPTS
from training.cli.command import TrainingCommand

if TYPE_CHECKING:
    from training.evaluate.compare import Comparison

KIND = "python -m training compare"
SHIPPED = Path("data/adapters/demo")


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("--adapter", type=Path, default=SHIPPED, help=f"its folder ({SHIPPED})")
    parser.add_argument("--base", default="demo", help="demo, a folder or a hub id (demo)")
    parser.add_argument("--prompts", type=Path, default=PROMPTS, metavar="PROMPTS.jsonl")
    parser.add_argument("--page", type=Path, help="also write this Markdown page")


def run(options: Namespace, home: Path) -> None:
    """Print both answers to every prompt, and write them as a page."""
    from data.files.own_text import check_own_text, write_own_text
    from training.cli.terminal import find_base, say, show
    from training.evaluate.compare import WAYS, compare, page
    from training.evaluate.voice.judge import judging_at

    if options.page is not None:
        check_own_text(options.page, KIND)
    base = find_base(options.base, home)
    say("asking base and tuned the fixed prompts")
    judging = judging_at(home, lambda stage, _: say(stage))
    comparisons = compare(base, options.adapter, options.prompts, WAYS, judging)
    for comparison in comparisons:
        show(*_lines(comparison))
    show(*(f"warning: {note}" for note in {each.verdicts.note for each in comparisons} if note))
    if options.page is not None:
        write_own_text(options.page, page(comparisons, options.adapter), KIND)
        show(f"wrote {options.page}")


def _lines(comparison: "Comparison") -> list[str]:
    lines = ["", str(comparison.decoding)]
    for each in comparison.answered:
        lines += ["", each.prompt, f"  base   {each.base}", f"  tuned  {each.tuned}"]
    for name, counts in (("base", comparison.base), ("tuned", comparison.tuned)):
        found = (
            f"{counts.positions} of {counts.answers} take a position",
            f"{counts.without_disclaimer} without disclaimer",
            f"{counts.words:.0f} words on average",
        )
        lines += ["", f"{name}: {', '.join(found)}"]
    return lines


COMPARE = TrainingCommand(
    "compare", "answers to the fixed prompts, side by side", add_arguments, run
)
