"""From votes to the gate's verdict."""

import math
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from data.statistics.counting import count_votes
from data.statistics.gate import e_process, person_means
from data.statistics.gate.e_process import Counts, log_e, log_e_path
from data.statistics.gate.guards import both_bad_guard, disclaimer_guard
from data.statistics.gate.person_means import PersonTest, mean_test, person_shares
from data.statistics.gate.plan import GatePlan
from data.statistics.gate.rule import FEWEST_PEOPLE, RuleParts, weigh
from data.statistics.gate.verdict import GateVerdict
from data.statistics.gate.votes_needed import votes_still_needed
from data.statistics.votes import Contender, Vote, VoteChoice


def judge(plan: GatePlan, votes: Iterable[Vote]) -> GateVerdict:
    """Return the gate's verdict on votes, of which those count that the plan says.

    May be asked after every vote: the test allows for it. Raises ValueError if a person voted twice
    in one comparison.
    """
    given = list(votes)
    own = [vote for vote in given if plan.is_about(vote)]
    counted = count_votes(own, person_cap=plan.person_cap, prompt_cap=plan.prompt_cap)
    decisive = [vote for vote in counted.votes if vote.choice.is_decisive]
    wins, losses = _by_person(decisive, plan.candidate)
    won, lost = int(wins.sum()), int(losses.sum())
    people, needed = mean_test(person_shares(wins, losses)), votes_still_needed(won, lost)
    guards = (
        both_bad_guard(counted.votes, plan.both_bad_limit),
        disclaimer_guard(counted.votes, plan.candidate, plan.baseline, plan.disclaimer_margin),
    )
    refusals = [
        *_rule_refusals(weigh(wins, losses), people, won, lost, needed),
        *(guard.refusal for guard in guards if guard.refusal is not None),
    ]
    if not counted.votes:
        refusals = [f"nobody has compared {plan.candidate} with {plan.baseline} yet"]
    return GateVerdict(
        plan=plan,
        wins=won,
        losses=lost,
        ties=sum(vote.choice is VoteChoice.TIE for vote in counted.votes),
        both_bad=sum(vote.choice is VoteChoice.BOTH_BAD for vote in counted.votes),
        log_e=log_e(won, lost),
        path=tuple(log_e_path(vote.winner == plan.candidate for vote in decisive)),
        people=people,
        guards=guards,
        needed=needed,
        prefers_baseline=bool(weigh(losses, wins).passed),
        refusals=tuple(refusals),
        counted=counted,
        of_others=len(given) - len(own),
    )


def _by_person(decisive: Sequence[Vote], candidate: Contender) -> tuple[Counts, Counts]:
    """How often each person chose the candidate, and the other one; shape (people,) each."""
    people = {person: n for n, person in enumerate(sorted({v.person_id for v in decisive}))}
    wins, losses = (np.zeros(len(people), dtype=np.int64) for _ in range(2))
    for vote in decisive:
        (wins if vote.winner == candidate else losses)[people[vote.person_id]] += 1
    return wins, losses


def _rule_refusals(
    parts: RuleParts, tested: PersonTest, wins: int, losses: int, needed: int | None
) -> Iterator[str]:
    """Why the rule says no, in one line each."""
    if not parts.votes:
        yield (
            f"the e-value of {wins} votes for and {losses} against it is "
            f"{_plain(log_e(wins, losses))}, {1 / e_process.LEVEL:.0f} is needed: {_more(needed)}"
        )
    if not parts.enough_people:
        yield f"{_people(tested.people)} decided, at least {FEWEST_PEOPLE} are needed"
    elif not parts.people:
        yield (
            f"the {tested.people} people's own shares are {tested.mean:.0%} on average, p = "
            f"{tested.p:.3f}, and less than {person_means.LEVEL} is needed"
        )
    elif parts.votes and not parts.stands_without.all():
        number = int((~parts.stands_without).sum())
        whom = "one person" if number == 1 else f"any one of {number} people"
        yield f"without {whom} the result would not stand"


def _people(number: int) -> str:
    return "1 person" if number == 1 else f"{number} people"


def _more(needed: int | None) -> str:
    if needed is None:
        return "so far nothing points to it"
    return f"about {needed} more decisive votes would likely decide"


def _plain(log_value: float) -> str:
    return f"{math.exp(log_value):.3g}"
