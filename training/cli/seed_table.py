"""`python -m training seed-table`: the seed's recipe and ours on the seed's own rows."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from training.cli.command import TrainingCommand


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "source", type=Path, metavar="COMMENTS.csv", help="columns Comment,Response"
    )
    parser.add_argument("--base", default="demo", help="demo, a folder or a hub id (demo)")
    parser.add_argument("--out", type=Path, help="finished runs and table.md (var/seed-table)")
    parser.add_argument("--seeds", type=int, default=5, help="how many (5)")
    parser.add_argument(
        "--sizes", default="30,60,120,240", metavar="ROWS,…", help="of the learning curve"
    )


def run(options: Namespace, home: Path) -> None:
    """Train what is not trained yet, then print the table and write it."""
    from training.cli.terminal import find_base, say, show
    from training.errors import RecipeError
    from training.seed.page import page
    from training.seed.recipes import RecipeName
    from training.seed.rows import TRAINED, read_seed
    from training.seed.runs import SeedTable

    sizes = sorted({int(size) for size in options.sizes.split(",") if size.strip().isdigit()})
    if options.seeds < 1 or any(size < 1 or size > TRAINED for size in sizes):
        raise RecipeError(f"--seeds is 1 or more, --sizes are numbers from 1 to {TRAINED}")
    pairs = read_seed(options.source)
    base = find_base(options.base, home)
    table = SeedTable(base, options.source, pairs, options.out or home / "seed-table")
    table.check()
    seeds = range(options.seeds)
    theirs = [table.run(RecipeName.SEED, TRAINED, seed, say) for seed in seeds]
    ours = [table.run(RecipeName.OURS, TRAINED, seed, say) for seed in seeds]
    untrained = [table.untrained(seed, say)[1] for seed in seeds]
    curve = [[table.run(RecipeName.OURS, size, seed, say) for seed in seeds] for size in sizes]
    lines = page(theirs, ours, curve, untrained)
    show(*lines)
    table.keep("table.md", "\n".join(lines) + "\n")
    say(f"wrote {table.folder / 'table.md'}")


SEED_TABLE = TrainingCommand(
    "seed-table",
    "the seed's recipe and ours on the seed's rows, with a learning curve",
    add_arguments,
    run,
)
