import json

import pytest

from bot.discord.content.notebooks import notebook_text

BOOK = {
    "cells": [
        {"cell_type": "markdown", "source": ["# Cake\n", "A study."]},
        {
            "cell_type": "code",
            "source": "print(2 + 2)",
            "outputs": [
                {"output_type": "stream", "text": ["4\n"]},
                {"output_type": "execute_result", "data": {"text/plain": ["'x'"], "image/png": ""}},
                {"output_type": "display_data", "data": {"image/png": "AAAA" * 5000}},
                {"output_type": "error", "ename": "ValueError", "evalue": "bad", "traceback": []},
            ],
        },
        {"cell_type": "code", "source": "", "outputs": []},
        {"cell_type": "code", "source": "loud()",
         "outputs": [{"output_type": "stream", "text": "x" * 5000}]},
    ],
    "metadata": {"language_info": {"name": "julia"}},
}  # fmt: skip


def test_a_notebook_is_its_cells_and_what_they_printed():
    text = notebook_text(json.dumps(BOOK))
    assert text is not None
    assert text.startswith(
        "# Cake\nA study.\n\n```julia\nprint(2 + 2)\n```\nOutput:\n4\n'x'\nValueError: bad\n\n"
        "```julia\nloud()\n```\nOutput:\nxxx"
    )
    assert len(text) < 1200


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"cells": 5}', '{"cells": [5]}', '{"cells": [{}]}', "[" * 99999]
)
def test_what_is_no_notebook(text: str):
    assert notebook_text(text) is None
