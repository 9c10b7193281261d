"""A Jupyter notebook as what people see of it: its cells, and what they printed. Pure."""

import json
from typing import Any, cast

_OUTPUT_CHARS = 1000  # of one cell
_Json = dict[str, Any]


def notebook_text(text: str) -> str | None:
    """The cells of a notebook in their order; None where `text` is no whole notebook."""
    try:
        book = json.loads(text)
        cells = book["cells"]
        language = book.get("metadata", {}).get("language_info", {}).get("name", "python")
        return "\n\n".join(part for cell in cells if (part := _cell(cell, str(language))))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _cell(cell: _Json, language: str) -> str:
    source = _joined(cell["source"]).strip()
    if cell["cell_type"] != "code":
        return source
    printed = "\n".join(filter(None, map(_output, cell.get("outputs") or [])))
    parts = [f"```{language}\n{source}\n```"] if source else []
    if printed:
        parts.append(f"Output:\n{printed[:_OUTPUT_CHARS]}")
    return "\n".join(parts)


def _output(output: _Json) -> str:
    match output.get("output_type"):
        case "stream":
            return _joined(output.get("text")).strip()
        case "error":
            return f"{output.get('ename')}: {output.get('evalue')}"
        case _:
            return _joined((output.get("data") or {}).get("text/plain")).strip()


def _joined(lines: object) -> str:
    """A text that may be stored as a list of its lines."""
    if isinstance(lines, list):
        return "".join(map(str, cast("list[object]", lines)))
    return str(lines or "")
