"""Finds the rows that make a step raise, so that only they end."""

import logging
from collections.abc import Callable

from model.engine.batch import BatchRow, Tokens

log = logging.getLogger(__name__)

Run = Callable[[list[BatchRow]], Tokens]


def run_apart(run: Run, batch: list[BatchRow]) -> tuple[Tokens, dict[str, Exception]]:
    """Run a batch; where that raises, run its halves, and theirs, down to single rows.

    Returns the tokens of the rows that were computed, and for each row that raises even alone its
    exception. A batch that raises only because it is large has no such row.
    """
    try:
        return run(batch), {}
    except Exception as error:  # one row's border: it is told, and the others go on
        if len(batch) == 1:
            log.exception("row %s cannot be computed", batch[0].id)
            return {}, {batch[0].id: error}
    half = len(batch) // 2
    tokens, failed = run_apart(run, batch[:half])
    more_tokens, more_failed = run_apart(run, batch[half:])
    return {**tokens, **more_tokens}, failed | more_failed
