"""The log of REST calls."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.discord_server.state.messages import File

KEPT = 200_000


@dataclass(eq=False)
class Call:
    """One request of the bot; times are the loop's clock, in seconds.

    `route` is the method and the path's pattern, such as `POST /channels/{channel}/messages`.
    """

    at: float
    route: str
    path: str
    args: dict[str, str] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)
    body: Any = None
    files: list[File] = field(default_factory=list)
    status: int | None = None
    done_at: float | None = None

    @property
    def major(self) -> str:
        """The part of the address that rate limits are counted by."""
        kinds = ("channel", "guild", "token")
        return "+".join(self.args[kind] for kind in kinds if kind in self.args)


class CallLog:
    """Every call, oldest first; the newest `KEPT` are kept."""

    def __init__(self) -> None:
        self.all: deque[Call] = deque(maxlen=KEPT)

    def __iter__(self) -> Iterator[Call]:
        return iter(self.all)

    def __len__(self) -> int:
        return len(self.all)

    def of(
        self, route: str, *, since: float = 0.0, status: int | None = None, **args: int
    ) -> list[Call]:
        """The calls of a route, such as those of one `channel` or with one `status`."""
        wanted = {name: str(value) for name, value in args.items()}
        return [
            call
            for call in self.all
            if call.route == route
            and call.at >= since
            and (status is None or call.status == status)
            and wanted.items() <= call.args.items()
        ]

    def describe(self, last: int = 15) -> str:
        """The newest calls, one a line."""
        newest = list(self.all)[-last:]
        lines = [f"  {call.at:.3f} {call.status} {call.route} {call.path}" for call in newest]
        return "\n".join([f"the last of {len(self.all)} calls:", *lines])
