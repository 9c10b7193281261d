"""The bounds of a load run, and the table that says how it went."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from tests.discord_server.rest.limits import LIKE_DISCORD
from tests.discord_server.state.snowflakes import time_of
from tests.programs.bot_on_discord import Bot
from tests.soak.measures import Process, Samples, growth
from tests.soak.people import Crowd

OWN_DELAY_MS = 250.0  # 99 of 100
GROWTH = 0.05
STARVED = 0.2  # from here on the delays say nothing about the bot
EDIT = "PATCH /channels/{channel}/messages/{message}"
FEW = 5  # examples shown of what went wrong


@dataclass(frozen=True)
class Bound:
    """What must hold, and what was found."""

    what: str
    found: str
    kept: bool


@dataclass(frozen=True)
class LoadRun:
    """Everything that was measured."""

    crowd: Crowd
    process: Process
    bot: Bot
    lasted_s: float
    cpu_share: float
    starved_share: float
    lag: Samples

    def bounds(self) -> list[Bound]:
        """The issue's bounds."""
        wrong = list(self.crowd.wrong())
        states = dict(self.bot.rows("SELECT state, count(*) FROM requests GROUP BY state"))
        (answers,) = self.bot.rows("SELECT count(DISTINCT request_id) FROM answers")[0]
        asked = len(self.crowd.asked)
        once = not wrong and states == {"finished": asked} and answers == asked
        grown = growth(self.process.mib)
        own = [("first sign", self.crowd.first_sign), ("last edit", self.last_edits())]
        return [
            Bound("every request ends exactly once", _found(states, wrong), once),
            Bound("memory, second half over first", f"{grown:+.1%}", abs(grown) <= GROWTH),
            *(
                Bound(f"{name}, p99", f"{of.ms(0.99):.0f} ms", of.ms(0.99) < OWN_DELAY_MS)
                for name, of in own
            ),
        ]

    def last_edits(self) -> Samples:
        """From an answer in the store to its last edit, where the rate limit let it through."""
        samples = Samples()
        free = set(self._unlimited())
        stored = dict(
            self.bot.rows(
                "SELECT message_id, answers.created_at FROM answers"
                " JOIN answer_messages ON answer_id = answers.id"
            )
        )
        for message_id, at in self._shown_at().items():
            if message_id in free and str(message_id) in stored:
                samples.add(at - datetime.fromisoformat(stored[str(message_id)]).timestamp())
        return samples

    def _shown_at(self) -> dict[int, float]:
        """When each answer got its last content, in seconds of the wall clock."""
        done = [one.answer for one in self.crowd.asked if one.answer is not None]
        return {
            one.id: datetime.fromisoformat(one.edited or time_of(one.id)).timestamp()
            for one in done
        }

    def _unlimited(self) -> Iterator[int]:
        """Answers whose last edit came when the channel's limit was not used up."""
        rule = LIKE_DISCORD[EDIT]
        edits: dict[int, list[float]] = defaultdict(list)  # by channel
        last: dict[int, tuple[int, float]] = {}
        for call in self.bot.discord.calls.of(EDIT):
            channel, message = int(call.args["channel"]), int(call.args["message"])
            before = [at for at in edits[channel] if at > call.at - 2 * rule.per_s]
            edits[channel] = [*before, call.at]
            last[message] = (len(before), call.at)
        for message, (before_it, _) in last.items():
            if before_it < rule.calls:
                yield message

    def table(self) -> str:
        """Everything, to read and to copy into docs/experiments.md."""
        asked = len(self.crowd.asked)
        rest = len(self.bot.discord.calls)
        mib = self.process.mib
        lines = [
            f"{asked} requests in {self.lasted_s:.0f} s ({asked / self.lasted_s:.1f} a second)",
            f"the bot: {self.cpu_share:.0%} of a core, {min(mib):.0f} to {max(mib):.0f} MiB",
            f"it was ready to run but had no core for {self.starved_share:.0%} of the time"
            + (": OTHER PROGRAMS SPOIL THE DELAYS" if self.starved_share > STARVED else ""),
            f"REST calls: {self.calls()}" if rest else "no REST calls",
            "",
            "| ms | number | median | p95 | p99 | greatest |",
            "|---|---|---|---|---|---|",
        ]
        for name, of in (
            ("question to first sign", self.crowd.first_sign),
            ("answer stored to last edit", self.last_edits()),
            ("question to whole answer", self.crowd.whole_answer),
            ("lag of the measuring process", self.lag),
        ):
            lines.append(f"| {' | '.join((name, *of.row))} |")
        lines += ["", "| bound | found | kept |", "|---|---|---|"]
        lines += [f"| {b.what} | {b.found} | {'yes' if b.kept else 'NO'} |" for b in self.bounds()]
        return "\n".join(lines)

    def calls(self) -> str:
        """How many of which status."""
        counts: dict[int | None, int] = defaultdict(int)
        for call in self.bot.discord.calls:
            counts[call.status] += 1
        return ", ".join(f"{count} × {status}" for status, count in sorted(counts.items(), key=str))


def _found(states: dict[str, int], wrong: list[str]) -> str:
    found = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
    return "; ".join([found, *wrong[:FEW]]) if wrong else found
