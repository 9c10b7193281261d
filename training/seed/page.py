"""The page about the seed as Markdown: its figures, those of both recipes, a learning curve."""

from collections.abc import Sequence
from itertools import zip_longest
from statistics import fmean

from training.evaluate.metrics.catalogue import BY_KEY
from training.evaluate.voice.phrases import disclaimer_share
from training.seed.figures import (
    VALIDATION,
    Spread,
    disclaimers,
    reference_measures,
    seed_measures,
)
from training.seed.runs import SeedRun

_ABOUT = """\
What differs from the seed's own run: the base (here {base}); the seed's test rows were among its
training rows, while here the {held_out} held-out rows of each seed share no text with the 240; its
losses were of prompt and reply together, here they are of the reply alone, so each column of losses
can be compared with itself and the other recipe's, not with the printed one. The held-out rows
also decide which epoch is kept, in both recipes alike, so both look a little better than they are.
Spreads are standard deviations over {seeds} seeds, each with its own rows. Answers are greedy."""


def page(
    seed: Sequence[SeedRun],
    ours: Sequence[SeedRun],
    curve: Sequence[Sequence[SeedRun]],
    untrained: Sequence[Sequence[str]],
) -> list[str]:
    """The page's lines of Markdown.

    `seed` and `ours` are the runs of the two recipes on all rows, one for each random seed. `curve`
    holds our recipe's runs grouped by their number of rows, fewest first. `untrained` has, for each
    random seed, the base's own answers to the fixed prompts.
    """
    about = _ABOUT.format(base=seed[0].base, held_out=len(seed[0].replies), seeds=len(seed))
    lines = [*about.splitlines(), "", *_losses(seed, ours), "", *_outcome(seed, ours, untrained)]
    lines += ["", *_measures(seed, ours)]
    return lines + (["", *_curve(curve)] if curve else [])


def _losses(seed: Sequence[SeedRun], ours: Sequence[SeedRun]) -> list[str]:
    lines = ["| validation loss after epoch | the seed printed | its recipe here | our recipe |"]
    lines += ["|---|---|---|---|"]
    columns = [list(zip(*(run.validation for run in runs), strict=False)) for runs in (seed, ours)]
    begin, *theirs = columns[0]
    own = columns[1][1:]
    lines.append(f"| 0 | | {_spread(begin)} | {_spread(columns[1][0])} |")
    for epoch, (printed, here, mine) in enumerate(zip_longest(VALIDATION, theirs, own), 1):
        shown = f"{printed:.3f}" if printed else ""
        lines.append(f"| {epoch} | {shown} | {_spread(here)} | {_spread(mine)} |")
    return lines


def _outcome(
    seed: Sequence[SeedRun], ours: Sequence[SeedRun], untrained: Sequence[Sequence[str]]
) -> list[str]:
    won = sum(mine.best < theirs.best for mine, theirs in zip(ours, seed, strict=True))
    pairs = zip(ours, seed, strict=True)
    gap = Spread.of([mine.best - theirs.best for mine, theirs in pairs])
    rows = [
        ("best validation loss", *(_spread([r.best for r in runs]) for runs in (seed, ours))),
        ("epoch of it", *(_numbers([r.best_epoch for r in runs]) for runs in (seed, ours))),
        ("epoch that was kept", *(_numbers([r.kept_epoch for r in runs]) for runs in (seed, ours))),
        ("loss after the last epoch", *(_spread([r.validation[-1] for r in runs])
                                        for runs in (seed, ours))),
        ("answers with a disclaimer", *(_percent([disclaimers(r) for r in runs])
                                        for runs in (seed, ours))),
        ("seconds to train", *(f"{fmean([r.seconds for r in runs]):.0f}" for runs in (seed, ours))),
    ]  # fmt: skip
    base = _percent([disclaimer_share(answers) for answers in untrained])
    return [
        "| over all seeds | the seed's recipe | our recipe |",
        "|---|---|---|",
        *(f"| {' | '.join(row)} |" for row in rows),
        "",
        f"Ours is lower with {won} of {len(ours)} seeds; difference {gap.shown(3)}.",
        f"Of the base's own answers to the fixed prompts {base} have a disclaimer.",
    ]


def _measures(seed: Sequence[SeedRun], ours: Sequence[SeedRun]) -> list[str]:
    printed, theirs, mine = seed_measures(), reference_measures(seed), reference_measures(ours)
    lines = ["| on held-out rows | the seed printed | its recipe here | our recipe |"]
    lines += ["|---|---|---|---|"]
    for key in printed:
        measure = BY_KEY[key]
        values = (measure.show(column[key]) for column in (printed, theirs, mine))
        lines.append(f"| {measure.label} | {' | '.join(values)} |")
    return lines


def _curve(curve: Sequence[Sequence[SeedRun]]) -> list[str]:
    lines = ["| rows, our recipe | best validation loss | answers with a disclaimer |"]
    lines += ["|---|---|---|"]
    for runs in curve:
        loss = _spread([run.best for run in runs])
        share = _percent([disclaimers(run) for run in runs])
        lines.append(f"| {runs[0].rows} | {loss} | {share} |")
    return lines


def _spread(values: Sequence[float] | None) -> str:
    return Spread.of(values).shown(3) if values else ""


def _percent(shares: Sequence[float]) -> str:
    return f"{Spread.of([100 * share for share in shares]).shown(0)} %"


def _numbers(values: Sequence[int]) -> str:
    return ", ".join(map(str, values))
