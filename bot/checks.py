"""The results of checks, as the doctor prints them."""

from dataclasses import dataclass
from enum import StrEnum


class CheckStatus(StrEnum):
    """How a check came out."""

    OK = "ok"
    NOTE = "note"  # not wrong, but good to know
    BAD = "BAD"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of one check: what was looked at, and what was found."""

    status: CheckStatus
    subject: str
    text: str

    def __str__(self) -> str:
        return f"{self.status:<5}{self.subject}: {self.text}"
