"""Faults to order: this many answers of a route go wrong."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum, auto

from tests.discord_server.rest.calls import Call


class FaultKind(StrEnum):
    STATUS = auto()  # an error page, without asking the route
    FORBIDDEN = auto()  # 403, Missing Permissions
    REFUSED = auto()  # `status` with Discord's own `code`
    LIMITED = auto()  # a 429 that no header announced
    LATE = auto()  # the route answers after `seconds`
    CUT = auto()  # the connection breaks before the route is asked
    SLOW = auto()  # the route does it, its answer comes after `seconds`
    LOST = auto()  # the route does it, then the connection breaks


@dataclass(eq=False)
class Fault:
    """`times` calls of `route` (None: of any) for which `where` holds go wrong.

    `code` is Discord's own for a refusal, `field` the one that "Invalid Form Body" names.
    """

    kind: FaultKind
    route: str | None
    times: int = 1
    status: int = 502
    seconds: float = 0.0
    where: Callable[[Call], bool] = lambda _: True
    code: int = 0
    field: str = ""
    struck: int = 0


class Faults:
    """The faults that are still to come."""

    def __init__(self) -> None:
        self._orders: list[Fault] = []

    def order(
        self,
        kind: FaultKind,
        route: str | None,
        *,
        times: int = 1,
        status: int = 502,
        seconds: float = 0.0,
        where: Callable[[Call], bool] = lambda _: True,
        code: int = 0,
        field: str = "",
    ) -> Fault:
        """Let calls go wrong from now on; see Fault."""
        fault = Fault(kind, route, times, status, seconds, where, code, field)
        self._orders.append(fault)
        return fault

    def clear(self) -> None:
        """No further faults."""
        self._orders.clear()

    def strike(self, call: Call) -> Fault | None:
        """The fault that meets this call, used up by one."""
        for fault in self._orders:
            if fault.route in (None, call.route) and fault.where(call):
                fault.struck += 1
                if fault.struck == fault.times:
                    self._orders.remove(fault)
                return fault
        return None
