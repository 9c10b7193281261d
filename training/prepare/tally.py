"""Counting what each step drops."""

from collections import Counter, defaultdict
from collections.abc import Iterable

from training.prepare.card import Dropped
from training.sources.reasons import Step

_EXAMPLES = 3
_WIDTH = 80


class Tally:
    """Rows dropped by step, with the first few as examples."""

    def __init__(self) -> None:
        self._rows: Counter[Step] = Counter()
        self._examples: defaultdict[Step, list[str]] = defaultdict(list)

    def add(self, step: Step, place: str, text: str) -> None:
        """One row more, with where it stood and what it said."""
        self._rows[step] += 1
        if len(self._examples[step]) < _EXAMPLES:
            shown = " ".join(text.split())
            cut = shown if len(shown) <= _WIDTH else shown[: _WIDTH - 1] + "…"
            self._examples[step].append(f"{place}: {cut}" if cut else place)

    def dropped(self, ran: Iterable[Step]) -> tuple[Dropped, ...]:
        """The steps that ran or dropped something, in their order."""
        asked = {*ran, *self._rows}
        return tuple(
            Dropped(
                step=step,
                why=step.why,
                rows=self._rows[step],
                examples=tuple(self._examples[step]),
            )
            for step in Step
            if step in asked
        )
