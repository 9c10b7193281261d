"""`python -m training evaluate`: is the adapter better, and at what?"""

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from data.files.datasets import PROMPTS
from training.cli.compare import SHIPPED

if TYPE_CHECKING:
    from training.evaluate.evaluate import Options

SUMMARY = "measure adapters on the test side, with tables, a page and intervals"


def add_arguments(parser: ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument(
        "--adapters",
        default="base,tuned",
        metavar="NAME[=FOLDER],…",
        help=f"base has none, tuned is {SHIPPED}; the first is what others are compared with",
    )
    parser.add_argument("--base", default="demo", help="demo, a folder or a hub id (demo)")
    parser.add_argument("--data", type=Path, required=True, help="a prepared folder")
    parser.add_argument("--out", type=Path, help="the report's folder (var/reports/<time>)")
    parser.add_argument("--prompts", type=Path, default=PROMPTS, metavar="PROMPTS.jsonl")
    parser.add_argument("--limit", type=int, help="only so many test rows")
    parser.add_argument("--word-list", type=Path, help="count answers with a word of this file")
    parser.add_argument(
        "--trained-on",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="a prepared folder that an adapter was trained on, to look there for test rows",
    )
    parser.add_argument("--temperature", type=float, help="0 takes the likeliest token (0.5)")
    parser.add_argument("--top-p", type=float, help="(0.9)")
    parser.add_argument("--repetition-penalty", type=float, help="(1.05)")
    parser.add_argument("--max-tokens", type=int, help="of an answer (120)")
    parser.add_argument("--seed", type=int, help="of sampling and resampling (0)")


def run(options: Namespace, home: Path) -> None:
    """Measure, print the table and write the report."""
    from datetime import UTC, datetime

    from data.files.output_folder import check_output
    from training.cli.progress_bar import progress_bar
    from training.cli.terminal import find_base, print_table, show
    from training.evaluate.evaluate import measure_adapters
    from training.evaluate.report.table import table
    from training.evaluate.report.verdict import verdicts
    from training.evaluate.report.write import KIND, write_report

    base = find_base(options.base, home)
    adapters = parse_adapters(options.adapters, home)
    chosen = _options(options)
    out = options.out or home / "reports" / f"{datetime.now(UTC):%Y%m%d-%H%M%S}"
    check_output(
        out, KIND, [base.folder, options.data, *_read(chosen), *filter(None, adapters.values())]
    )
    with progress_bar() as progress:
        found = measure_adapters(base, adapters, options.data, chosen, progress)
    print_table(table(found))
    show(*(f"warning: {line}" for line in found.unchecked))
    show(*(line for verdict in verdicts(found) for line in verdict.text()))
    write_report(found, out)
    show(f"wrote {out}/report.html and report.json")


def _read(options: "Options") -> list[Path]:
    """The other files and folders that are read."""
    words = [options.word_list] if options.word_list else []
    return [options.prompts, *words, *options.trained_on]


def parse_adapters(text: str, home: Path) -> dict[str, Path | None]:
    """Read `base,tuned,name=folder`; EvaluationError names the entry that is wrong.

    A name alone is `base`, `tuned` (the adapter that ships) or an adapter under `home/adapters`.
    """
    from training.errors import EvaluationError

    found: dict[str, Path | None] = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        name, equals, folder = (part.strip() for part in entry.partition("="))
        if not name or (equals and not folder) or (equals and name == "base"):
            raise EvaluationError(f"--adapters: {entry!r} is not base, a name or name=folder")
        if name in found:
            raise EvaluationError(f"--adapters: {name} is named twice")
        found[name] = None if name == "base" else _folder(name, folder, home)
    if not found:
        raise EvaluationError("--adapters names nobody: base,tuned for example")
    return found


def _folder(name: str, folder: str, home: Path) -> Path:
    from training.errors import EvaluationError

    if folder:
        return Path(folder).expanduser()
    if name == "tuned":
        return SHIPPED
    if (promoted := home / "adapters" / name).is_dir():
        return promoted
    raise EvaluationError(f"--adapters: no adapter {name} in {promoted}: write {name}=FOLDER")


def _options(options: Namespace) -> "Options":
    from pydantic import ValidationError

    from training.errors import EvaluationError
    from training.evaluate.evaluate import Options
    from training.evaluate.result import Sampling

    names = ("temperature", "top_p", "repetition_penalty", "max_tokens", "seed")
    given = {name: value for name in names if (value := getattr(options, name)) is not None}
    try:
        sampling = Sampling.model_validate(given)
    except ValidationError as error:
        detail = error.errors()[0]
        name = str(detail["loc"][0]).replace("_", "-")
        raise EvaluationError(f"--{name}: {detail['msg']}") from error
    if options.limit is not None and options.limit < 1:
        raise EvaluationError("--limit must be 1 or more")
    return Options(
        sampling=sampling,
        prompts=options.prompts,
        limit=options.limit,
        word_list=options.word_list,
        trained_on=tuple(options.trained_on),
    )
