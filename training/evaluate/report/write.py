"""The report's folder: report.json and report.html."""

from pathlib import Path

from data.files.output_folder import output_folder
from training.evaluate.report.page import page
from training.evaluate.result import Evaluation

JSON = "report.json"
PAGE = "report.html"
KIND = "python -m training evaluate"


def write_report(evaluation: Evaluation, folder: Path) -> None:
    """Write the evaluation to `folder`, in place of a report that was there.

    Raises OutputRefused when the folder holds what `evaluate` did not write, and OSError.
    """
    with output_folder(folder, KIND) as work:
        (work / JSON).write_text(evaluation.model_dump_json(indent=1) + "\n", encoding="utf-8")
        (work / PAGE).write_text(page(evaluation), encoding="utf-8")


def read_report(folder: Path) -> Evaluation:
    """The evaluation of a report's folder. Raises OSError, or ValueError when it is damaged."""
    return Evaluation.model_validate_json((folder / JSON).read_bytes())
