"""Follows one row's answer through its grammar: which tokens may come next."""

from llguidance import LLMatcher

from model.errors import ConstraintFailed


class RowMatcher:
    """Implements `model.engine.api.TokenConstraint` with a matcher of llguidance's.

    It costs tens of microseconds a token (docs/experiments.md). A matcher that has failed (a step
    that takes more than the limits of its grammar) never recovers, so its row ends.
    """

    def __init__(self, matcher: LLMatcher) -> None:
        self._matcher = matcher

    def allowed(self) -> bytes:
        """One bit for each id; raises ConstraintFailed where the grammar cannot go on."""
        bits = self._matcher.compute_bitmask()
        self._check()
        return bits

    def advance(self, token_id: int) -> None:
        """Follow the row's token; raises ConstraintFailed for one that is not allowed."""
        self._matcher.consume_token(token_id)
        self._check()

    def _check(self) -> None:
        if self._matcher.is_error():
            reason = self._matcher.get_error().strip().partition("\n")[0]
            raise ConstraintFailed(f"the grammar cannot follow this answer: {reason:.200}")
