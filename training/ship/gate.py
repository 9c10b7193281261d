"""What people's votes say about a promotion: the place for it, open for now."""

from dataclasses import dataclass
from typing import Protocol

from model.loading.manifest import AdapterManifest
from model.loading.registry import Promotion


@dataclass(frozen=True, slots=True)
class Candidate:
    """An adapter that is to answer as `name`, instead of `before` (None: the settings' own)."""

    name: str
    manifest: AdapterManifest
    before: Promotion | None


class Gate(Protocol):
    """Asked once for every promotion, after the adapter is checked and before anything changes."""

    def refusal(self, candidate: Candidate) -> str | None:
        """Why it may not answer people yet, in one line; None lets it pass."""
        ...


class AlwaysOpen:
    """Lets every adapter pass: there are no votes to ask yet."""

    def refusal(self, candidate: Candidate) -> str | None:
        """Never."""
        del candidate
