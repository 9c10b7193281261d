"""`python -m training prepare`: clean, deduplicate and divide pairs."""

from argparse import ArgumentParser, ArgumentTypeError, BooleanOptionalAction, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from data.files.export_manifest import PERMISSION_VARIABLE
from training.cli.command import TrainingCommand, variable
from training.errors import PreparationError

if TYPE_CHECKING:
    from training.prepare.card import Card, Source
    from training.prepare.cleaning.record import EncodingRecord
    from training.prepare.cleaning.rule import CleaningChoice, CleaningRule
    from training.prepare.prepare import PrepareOptions

_FORMATS = (
    "auto", "csv", "tsv", "json", "jsonl", "parquet", "arrow", "folder", "hub", "pairs", "chat",
    "sharegpt", "alpaca", "prompt-completion", "openassistant", "reddit", "discord", "export",
)  # fmt: skip
_DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|"}


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of the command."""
    add = parser.add_argument
    add("sources", type=Path, nargs="+", metavar="SOURCE",
        help=".csv, .tsv, .json, .jsonl, .ndjson, each also packed as .gz, .bz2, .xz or .zst; "
        ".parquet, .arrow; a folder that the library datasets reads; owner/name on the hub (all "
        "splits are read)")  # fmt: skip
    add("--out", type=Path, required=True, help="the folder to make")
    add("--licence", metavar="TEXT", help="the data's licence, for the card and the manifest")
    add("--consent", metavar="TEXT", help="what the people in it agreed to (export: as it did)")
    add("--seed", type=int, default=0, help="divides the groups among the sides (0)")
    _add_reading(parser)
    _add_rules(parser)
    _add_cleaning(parser)
    _add_division(parser)


def _add_reading(parser: ArgumentParser) -> None:
    add = parser.add_argument_group("reading").add_argument
    add("--format", choices=_FORMATS, default="auto",
        help="how the rows are held, or what each is; by name and keys if auto (auto)")  # fmt: skip
    add("--strict", action=BooleanOptionalAction,
        help="refuse whatever is wrong in a source, or drop and count what cannot be read (drop in "
        "dumps of Reddit and Discord, refuse in other files)")  # fmt: skip
    add("--delimiter", choices=_DELIMITERS, help="between the cells of a .csv (as its header says)")
    add("--comment-column", metavar="NAME", help="column or key of the comment (comment)")
    add("--reply-column", metavar="NAME", help="of the reply (reply or response)")
    add("--thread-column", metavar="NAME", help="of the discussion a row is from")
    add("--author-column", metavar="NAME", help="of who wrote the reply")
    add("--score-column", metavar="NAME", help="of the reply's score")
    add("--encoding", help="if it is found wrong: cp1252, utf-16-le, ...")
    add("--quotes", choices=("strict", "lenient"), default="strict",
        help="lenient takes a stray quote in a CSV cell for text (strict)")  # fmt: skip
    add("--min-good", type=_count, default=1, help="export: so many rated it good (1)")
    add("--max-bad", type=_count, default=0, help="export: no more rated it bad (0)")


def _add_rules(parser: ArgumentParser) -> None:
    add = parser.add_argument_group("which rows").add_argument
    add("--min-score", type=int, help="the reply's, where known (any)")
    add("--min-chars", type=_count, default=1, help="of comment and of reply (1)")
    add("--max-chars", type=_count, default=4000, help="of comment and of reply (4000)")
    add("--language", default="any", metavar="CODE",
        help="en or another; under 40 characters with the other side's text (any)")  # fmt: skip
    add("--word-list", type=Path, metavar="FILE", help="drops rows with one of its words")


def _add_cleaning(parser: ArgumentParser) -> None:
    from training.prepare.cleaning.rule import ENCODINGS, CleaningRule, named

    add = parser.add_argument_group("cleaning").add_argument
    add("--without", type=_rules, default=frozenset[CleaningRule](), metavar="RULE,…",
        help=f"rules to switch off, of {named(CleaningRule)}")  # fmt: skip
    add("--decode", type=_rules, default=frozenset[CleaningRule](), metavar="RULE,…",
        help=f"undo {named(ENCODINGS)} in all sources (in those that show them)")  # fmt: skip


def _add_division(parser: ArgumentParser) -> None:
    add = parser.add_argument_group("duplicates and sides").add_argument
    add("--similarity", type=_similarity, default=0.6,
        help="from where on texts are near: shared runs of four characters (0.6)")  # fmt: skip
    add("--group-by", choices=("thread", "author", "text"), default="thread",
        help="keeps together, where known; else near texts (thread)")  # fmt: skip
    add("--validation", type=_share, default=0.08, help="its share of the rows (0.08)")
    add("--test", type=_share, default=0.05, help="its share of the rows (0.05)")


def run(options: Namespace, _home: Path) -> None:
    """Prepare and print the counts."""
    from data.files.output_folder import check_output
    from training.cli.terminal import say, show
    from training.prepare.prepare import KIND, prepare

    words = [options.word_list] if options.word_list else []
    check_output(options.out, KIND, [*options.sources, *words])
    card = prepare(options.sources, options.out, _options(options), say)
    show(*_lines(card, options.out))


def prepare_pairs(source: Path, out: Path, seed: int) -> None:
    """Prepare with all else as it is and print the counts."""
    from training.cli.terminal import show
    from training.prepare.prepare import PrepareOptions, prepare

    show(*_lines(prepare(source, out, PrepareOptions(seed=seed)), out))


def _options(options: Namespace) -> "PrepareOptions":
    from training.prepare.intake import GroupBy
    from training.prepare.prepare import PrepareOptions
    from training.prepare.rules import RowRules
    from training.prepare.sides import Shares
    from training.prepare.word_list import WordList, read_word_list
    from training.sources.formats import Format
    from training.sources.pairs import Columns
    from training.sources.rated import RatingThresholds
    from training.sources.reading import Reading

    columns = Columns(options.comment_column, options.reply_column, options.thread_column,
                      options.author_column, options.score_column)  # fmt: skip
    words = read_word_list(options.word_list) if options.word_list else WordList(frozenset())
    return PrepareOptions(
        seed=options.seed,
        shares=Shares(options.validation, options.test),
        similarity=options.similarity,
        reading=Reading(
            Format(options.format), columns, options.encoding, options.quotes == "lenient",
            RatingThresholds(options.min_good, options.max_bad), options.strict,
            _DELIMITERS.get(options.delimiter),
        ),
        rules=RowRules(
            options.min_score, options.min_chars, options.max_chars, options.language, words
        ),
        cleaning=_choice(options),
        group_by=GroupBy(options.group_by),
        licence=options.licence,
        consent=options.consent,
        permission=(variable(PERMISSION_VARIABLE) or "").strip() or None,
    )  # fmt: skip


def _choice(options: Namespace) -> "CleaningChoice":
    from training.prepare.cleaning.rule import CleaningChoice

    try:
        return CleaningChoice(options.without, options.decode)
    except ValueError as error:
        raise PreparationError(f"--without, --decode: {error}") from error


def _lines(card: "Card", out: Path) -> list[str]:
    return [
        *(line for source in card.sources for line in _source_lines(source)),
        *(f"  {record.texts:>7,} texts of {record.source} {_verdict(record)}"
          for record in card.encodings if record.texts),
        *(f"  {count.rows:>7,} dropped: {count.step}, {count.why}"
          for count in card.dropped if count.rows),
        *(f"  {side.rows:>7,} in {out / name}.jsonl" for name, side in card.sides.items()),
        f"  why and examples: {out / 'CARD.md'}",
    ]  # fmt: skip


def _verdict(record: "EncodingRecord") -> str:
    if record.undone:
        return f"have {record.rule}: decoded"
    return f"seem to have {record.rule}: left, see --decode"


def _rules(text: str) -> "frozenset[CleaningRule]":
    from training.prepare.cleaning.rule import CleaningRule, named

    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in set(CleaningRule):
            raise ArgumentTypeError(f"{name} is no rule: {named(CleaningRule)}")
    return frozenset(map(CleaningRule, names))


def _source_lines(source: "Source") -> list[str]:
    lines = [f"{source.rows:,} pairs in {source.path} ({source.detected})"]
    if source.discord:
        lines.append(f"  Discord content ({source.discord}), permitted: {source.permission}")
    lines += [
        f"  {one.places:>7,} times: {one.what}, at {one.examples[0]}" for one in source.tolerated
    ]
    return lines


def _count(text: str) -> int:
    if not text.isdecimal():
        raise ArgumentTypeError(f"{text} is not 0 or more")
    return int(text)


def _share(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 1:
        raise ArgumentTypeError(f"{text} is not between 0 and 1")
    return number


def _similarity(text: str) -> float:
    if (number := _share(text)) == 0:
        raise ArgumentTypeError(f"{text} is not above 0")
    return number


PREPARE = TrainingCommand("prepare", "clean, deduplicate and divide pairs", add_arguments, run)
