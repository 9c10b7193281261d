"""How many decisive votes the e-process takes, computed vote by vote."""

from functools import lru_cache

import numpy as np

from data.statistics.gate.e_process import LEVEL, PRIOR, wins_needed

POWER = 0.8
MOST = 3000
EXAMPLES = (0.6, 0.65, 0.7)


@lru_cache(maxsize=256)
def votes_needed(
    share: float, *, wins: int = 0, losses: int = 0, power: float = POWER, every: int = 1
) -> int | None:
    """Return how many more decisive votes it takes to pass with this chance; None beyond 3,000.

    `share` is the candidate's true share of decisive votes, from 0 to 1; `wins` and `losses` are
    those there are already. One looks after each `every` votes and stops as soon as the e-value
    reaches 1 / 0.025, or at once where it has. The votes are taken as independent, so that people
    with tastes of their own need some more. Exact: the distribution of the wins is carried from
    vote to vote, without what has passed.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"a share lies from 0 to 1, not at {share}")
    begun = wins + losses
    if wins >= wins_needed(begun, LEVEL):
        return 0
    # chance[k] is that of k more wins, without having passed.
    chance = np.zeros(MOST + 2)
    chance[0] = 1.0
    passed = 0.0
    for more in range(1, MOST + 1):
        won = chance[:more] * share
        chance[:more] *= 1 - share
        chance[1 : more + 1] += won
        if more % every == 0:
            first = max(0, wins_needed(begun + more, LEVEL) - wins)
            passed += float(chance[first : more + 1].sum())
            chance[first : more + 1] = 0.0
            if passed >= power:
                return more
    return None


def likely_share(wins: int, losses: int) -> float:
    """The share that some votes suggest, drawn towards one half as by the test's own prior."""
    return (wins + PRIOR) / (wins + losses + 2 * PRIOR)


def votes_still_needed(wins: int, losses: int) -> int | None:
    """How many more decisive votes would likely decide, if the share is what they suggest so far.

    None where it is so near one half, or below, that 3,000 would not.
    """
    share = likely_share(wins, losses)
    return votes_needed(share, wins=wins, losses=losses) if share > 0.5 else None


def needed_by_share(wins: int, losses: int) -> dict[float, int | None]:
    """For some true shares, how many more decisive votes would decide in four of five cases.

    It is what can be said where the votes themselves suggest no share yet.
    """
    return {share: votes_needed(share, wins=wins, losses=losses) for share in EXAMPLES}
