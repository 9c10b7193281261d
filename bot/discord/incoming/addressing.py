"""Whom a message speaks to: what in it is a call, and what is only quoted or shown. Pure."""

import re
from dataclasses import dataclass

# What Discord shows as code notifies nobody; a quote repeats what somebody else has said.
_SHOWN = re.compile(
    r"(?P<ticks>`{3,}|`{1,2})(?!`).+?(?<!`)(?P=ticks)(?!`)|^[ ]*>>>[ ].*\Z|^[ ]*>[ ][^\n]*$",
    re.DOTALL | re.MULTILINE,
)
_CALL = re.compile(r"(?<!\\)<@(&|!)?(\d{15,21})>")
_EVERYBODY = re.compile(r"@(everyone|here)\b")  # also from those who may not ping everybody


@dataclass(frozen=True, slots=True)
class Calls:
    """Who is called by name in a text: people and roles by their ids, and whether everybody is."""

    people: frozenset[int] = frozenset()
    roles: frozenset[int] = frozenset()
    everybody: bool = False


def calls_in(content: str) -> Calls:
    """Whom a message's content calls; what stands in code or in a quote calls nobody."""
    said = _SHOWN.sub(" ", content)
    named = [(sign, int(number)) for sign, number in _CALL.findall(said)]
    return Calls(
        people=frozenset(number for sign, number in named if sign != "&"),
        roles=frozenset(number for sign, number in named if sign == "&"),
        everybody=bool(_EVERYBODY.search(said)),
    )
