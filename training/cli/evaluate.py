"""`python -m training evaluate`: is the adapter better, and at what?"""

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from data.files.datasets import PROMPTS
from model.loading.names import named_values
from training.cli.command import TrainingCommand, variable

if TYPE_CHECKING:
    from training.evaluate.evaluate import EvaluationOptions


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "--adapters",
        default="base,tuned",
        metavar="NAME[=FOLDER],…",
        help="a name alone means what the worker answers with under it: the promoted adapter, else "
        "that of ADAPTERS, else the shipped one as tuned; the others are compared with the first",
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
    from training.cli.terminal import find_base, print_table, show, stage_progress
    from training.evaluate.evaluate import measure_adapters
    from training.evaluate.report.page import KIND, write_report
    from training.evaluate.report.table import table
    from training.evaluate.report.verdict import verdicts

    base = find_base(options.base, home)
    adapters = parse_adapters(options.adapters, options.base, home)
    chosen = _options(options, home)
    out = options.out or home / "reports" / f"{datetime.now(UTC):%Y%m%d-%H%M%S}"
    check_output(
        out, KIND, [base.folder, options.data, *_read(chosen), *filter(None, adapters.values())]
    )
    with stage_progress() as progress:
        found = measure_adapters(base, adapters, options.data, chosen, progress)
    print_table(table(found))
    show(*map(str, found.variants))
    show(*(f"warning: {line}" for line in (*found.unchecked, found.voice_note) if line))
    show(*(line for verdict in verdicts(found) for line in verdict.text()))
    write_report(found, out)
    show(f"wrote {out}/report.html and report.json")


def _read(options: "EvaluationOptions") -> list[Path]:
    """The other files and folders that are read."""
    words = [options.word_list] if options.word_list else []
    return [options.prompts, *words, *options.trained_on]


def parse_adapters(text: str, base_model: str, home: Path) -> dict[str, Path | None]:
    """Read `base,tuned,name=folder`: the folder of each variant's adapter, None for the base.

    A name alone means the adapter that a worker of this base model serves under it, fetched first
    if it is on the hub. Raises EvaluationError naming the entry that is wrong, ConfigError if no
    adapter has the name.
    """
    from training.errors import EvaluationError

    found: dict[str, Path | None] = {}
    try:
        for name, folder in named_values(text):
            if not name or folder == "" or (folder and name == "base"):
                entry = name if folder is None else f"{name}={folder}"
                raise EvaluationError(f"--adapters: {entry!r} is not base, a name or name=folder")
            found[name] = None if name == "base" else _folder(name, folder, base_model, home)
    except ValueError as error:
        raise EvaluationError(f"--adapters: {error}") from error
    if not found:
        raise EvaluationError("--adapters names nobody: base,tuned for example")
    return found


def _folder(name: str, folder: str | None, base_model: str, home: Path) -> Path:
    from model.loading.adapter_sources import adapter_source, configured_adapters
    from model.loading.base import hub_snapshot, local_folder
    from model.loading.registry import Registry
    from training.cli.terminal import say

    if folder:
        return Path(folder).expanduser()
    configured = configured_adapters(variable("ADAPTERS"), base_model)
    source = adapter_source(name, Registry(home), configured)
    found = local_folder(source)
    return found or hub_snapshot(source, f"{name}={source}", lambda stage, _: say(stage))


def _options(options: Namespace, home: Path) -> "EvaluationOptions":
    from pydantic import ValidationError

    from training.cli.terminal import say
    from training.errors import EvaluationError
    from training.evaluate.evaluate import EvaluationOptions
    from training.evaluate.result import ReportedSampling
    from training.evaluate.voice.judge import judging_at

    names = ("temperature", "top_p", "repetition_penalty", "max_tokens", "seed")
    given = {name: value for name in names if (value := getattr(options, name)) is not None}
    try:
        sampling = ReportedSampling.model_validate(given)
    except ValidationError as error:
        detail = error.errors()[0]
        name = str(detail["loc"][0]).replace("_", "-")
        raise EvaluationError(f"--{name}: {detail['msg']}") from error
    if options.limit is not None and options.limit < 1:
        raise EvaluationError("--limit must be 1 or more")
    return EvaluationOptions(
        sampling=sampling,
        prompts=options.prompts,
        limit=options.limit,
        word_list=options.word_list,
        trained_on=tuple(options.trained_on),
        judging=judging_at(home, lambda stage, _: say(stage)),
    )


EVALUATE = TrainingCommand(
    "evaluate",
    "measure adapters on the test side, with tables, a page and intervals",
    add_arguments,
    run,
)
