"""Whether people's votes allow a promotion."""

from dataclasses import dataclass
from typing import Protocol

from data.statistics.gate.judging import judge
from data.statistics.gate.plan import VoteReader
from model.loading.manifest import AdapterManifest
from model.loading.registry import Promotion
from training.errors import RegistryError


@dataclass(frozen=True, slots=True)
class Candidate:
    """An adapter that shall answer as `name`.

    `served_hash` is the hash that its answers are stored with; the manifest's is of the weights
    alone. `before` is the promotion that answers now, None if it is the adapter of the settings.
    """

    name: str
    manifest: AdapterManifest
    served_hash: str
    before: Promotion | None


@dataclass(frozen=True, slots=True)
class GateRuling:
    """What a gate says, in one line each.

    `refusal` is why the candidate may not answer people yet, None if it may. `summary` is what
    people's votes came to, None if nobody was asked.
    """

    refusal: str | None = None
    summary: str | None = None


class Gate(Protocol):
    """Asked once for each promotion, after the adapter was checked and before anything changes."""

    def ruling(self, candidate: Candidate) -> GateRuling:
        """Whether the candidate may answer people."""
        ...


class AlwaysOpen:
    """A gate that lets every adapter pass, where no votes are kept."""

    def ruling(self, candidate: Candidate) -> GateRuling:
        """Every candidate may answer."""
        del candidate
        return GateRuling()


class VoteGate:
    """A gate that goes by the votes of the candidate's planned comparison.

    The plan was stored before the first vote: contenders, caps and test are those that it names,
    whatever the caller would like now.
    """

    def __init__(self, reader: VoteReader) -> None:
        self._reader = reader

    def ruling(self, candidate: Candidate) -> GateRuling:
        """Judge the votes about exactly this adapter.

        Raises RegistryError if the votes cannot be what they should, and what the reader raises.
        """
        plan = self._reader.plan(candidate.served_hash)
        if plan is None:
            return GateRuling(
                "no comparison with what answers now was planned, so nobody has voted"
            )
        try:
            verdict = judge(plan, self._reader.votes(plan))
        except ValueError as error:
            raise RegistryError(f"the votes about {plan.candidate} are wrong: {error}") from error
        return GateRuling("; ".join(verdict.refusals) or None, verdict.summary)
