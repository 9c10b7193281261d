"""`python -m training demo`: make the demo adapter again, from the sample pairs to its page."""

import shutil
from argparse import ArgumentParser, Namespace
from pathlib import Path

from data.files.datasets import PAIRS, PROMPTS
from training.cli import compare
from training.cli.command import TrainingCommand
from training.cli.prepare import prepare_pairs
from training.cli.train import train_adapter
from training.prepare.sides import Side

KIND = "python -m training demo"
RECIPE = Path("training/demo.toml")
PAGE = Path("docs/demo-adapter.md")


def add_arguments(_parser: ArgumentParser) -> None:
    """Add no argument: every choice is made."""


def run(_options: Namespace, home: Path) -> None:
    """Prepare, train, measure, ship and compare."""
    from data.files.output_folder import check_output, output_folder
    from data.files.own_text import check_own_text
    from model.loading.manifest import CONFIG, MANIFEST, WEIGHTS
    from training.cli.terminal import find_base, show
    from training.evaluate.losses import losses

    check_output(compare.SHIPPED, KIND)
    check_own_text(PAGE, compare.KIND)
    data, adapter = home / "training" / "demo-data", home / "training" / "demo"
    prepare_pairs(PAIRS, data, seed=0)
    train_adapter(RECIPE, data, adapter, home)
    for side in (Side.VALIDATION, Side.TEST):
        show(*losses(find_base("demo", home), adapter, data, side).lines())
    # The figures and the curve stay here: the repository need not carry them.
    with output_folder(compare.SHIPPED, KIND) as shipped:
        for name in (CONFIG, WEIGHTS, MANIFEST):
            shutil.copyfile(adapter / name, shipped / name)
    compare.run(Namespace(base="demo", adapter=compare.SHIPPED, prompts=PROMPTS, page=PAGE), home)


DEMO = TrainingCommand(
    "demo", "all of it for the demo adapter: what `make adapter` does", add_arguments, run
)
