"""The report of an evaluation as files: report.json for programs, report.html for people."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from data.files.output_folder import output_folder
from training.evaluate.metrics.catalogue import MEASURES, Measure
from training.evaluate.report.plots import forest, shares
from training.evaluate.report.table import difference, estimate, rows_used
from training.evaluate.report.verdict import FEWEST_ROWS, Outcome, outcomes, to_first, verdicts
from training.evaluate.result import Asked, Evaluation

JSON = "report.json"
PAGE = "report.html"
KIND = "python -m training evaluate"
_TEMPLATE = "page.html.jinja"


def write_report(evaluation: Evaluation, folder: Path) -> None:
    """Write report.json and report.html into `folder`, both or none of them.

    A report that was in the folder is replaced. Raises OutputRefused when the folder holds what
    `evaluate` did not write, and OSError.
    """
    with output_folder(folder, KIND) as work:
        (work / JSON).write_text(evaluation.model_dump_json(indent=1) + "\n", encoding="utf-8")
        (work / PAGE).write_text(page(evaluation), encoding="utf-8")


def page(evaluation: Evaluation) -> str:
    """The HTML page: one text that loads nothing else.

    Every text that comes from data or models is escaped. The page has no script and no address
    of another site.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    judged = verdicts(evaluation)
    return environment.get_template(_TEMPLATE).render(
        found=evaluation,
        estimate=estimate,
        difference=difference,
        outcomes=outcomes(evaluation),
        rows_used=rows_used(evaluation.data),
        fewest_rows=FEWEST_ROWS,
        Outcome=Outcome,
        first=evaluation.variants[0].name,
        verdicts=judged,
        forests=[Markup(forest(verdict)) for verdict in judged],  # noqa: S704 - texts are escaped
        shares=Markup(shares(evaluation)),  # noqa: S704 - texts are escaped
        groups=_groups(evaluation),
        differences=to_first(evaluation),
        prompt_counts=_counts(evaluation),
    )


def _groups(evaluation: Evaluation) -> dict[str, list[Measure]]:
    groups: dict[str, list[Measure]] = {}
    for measure in MEASURES:
        if measure.key in evaluation.variants[0].values:
            groups.setdefault(measure.group, []).append(measure)
    return groups


def _counts(evaluation: Evaluation) -> dict[str, tuple[int, int]]:
    """For each variant the numbers of disclaimers and positions in answers to the fixed prompts."""
    return {
        variant.name: _count(evaluation.prompts, variant.name) for variant in evaluation.variants
    }


def _count(asked: tuple[Asked, ...], name: str) -> tuple[int, int]:
    said = [question.answers[name] for question in asked]
    return sum(each.disclaimer for each in said), sum(each.position for each in said)
