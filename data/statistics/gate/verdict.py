"""What the gate answers, with all that it rests on."""

from dataclasses import dataclass

from data.statistics.counting import CountedVotes
from data.statistics.gate.guards import Guard
from data.statistics.gate.person_means import PersonTest
from data.statistics.gate.plan import GatePlan


@dataclass(frozen=True, slots=True, kw_only=True)
class GateVerdict:
    """The gate's answer, and all that it rests on.

    `refusals` are the reasons why the candidate may not be promoted, one line each; empty if it
    may. `log_e` and `path` are the log of the e-value now and after each decisive vote. `people`
    is the test over people. `needed` is how many more decisive votes would likely decide, 0 where
    the e-value has reached its bound, None where too many to say. `prefers_baseline` says that the
    same votes would promote the baseline instead. `of_others` are votes about the two that were
    made before the plan, or are about another adapter.
    """

    plan: GatePlan
    wins: int
    losses: int
    ties: int
    both_bad: int
    log_e: float
    path: tuple[float, ...]
    people: PersonTest
    guards: tuple[Guard, ...]
    needed: int | None
    prefers_baseline: bool
    refusals: tuple[str, ...]
    counted: CountedVotes
    of_others: int

    @property
    def passed(self) -> bool:
        """Whether the candidate may be promoted."""
        return not self.refusals

    @property
    def decisive(self) -> int:
        """How many votes one of the two won."""
        return self.wins + self.losses

    @property
    def summary(self) -> str:
        """One line: who won what, against whom, by how much and on how many people."""
        plan = self.plan
        if not self.decisive:
            return f"{plan.candidate} against {plan.baseline}: no decisive vote yet"
        return (
            f"{plan.candidate} won {self.wins} of {self.decisive} decisive votes "
            f"({self.wins / self.decisive:.0%}) of {self.people.people} people against "
            f"{plan.baseline}"
        )
