"""Whether people's votes allow a promotion. There are no votes yet, so the gate is open."""

from dataclasses import dataclass
from typing import Protocol

from model.loading.manifest import AdapterManifest
from model.loading.registry import Promotion


@dataclass(frozen=True, slots=True)
class Candidate:
    """An adapter that shall answer as `name`.

    `before` is the promotion that answers now, None if it is the adapter of the settings.
    """

    name: str
    manifest: AdapterManifest
    before: Promotion | None


class Gate(Protocol):
    """Asked once for each promotion, after the adapter was checked and before anything changes."""

    def refusal(self, candidate: Candidate) -> str | None:
        """Why the candidate may not answer people yet, in one line; None if it may."""
        ...


class AlwaysOpen:
    """A gate that lets every adapter pass."""

    def refusal(self, candidate: Candidate) -> str | None:
        """None: every candidate may answer."""
        del candidate
