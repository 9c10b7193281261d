"""Who speaks: people are their ids, names are labels that are distinct within a conversation."""

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from bot.text import NAME_CHARS, clean_name

# Labels that a chat template or a model could take for a role instead of a person.
ROLE_WORDS = frozenset(
    {"ai", "assistant", "bot", "developer", "function", "human", "model", "system", "tool", "user"}
)
# Two characters that Unicode keeps out of texts, so that nobody can have typed them.
_BEGIN, _END = "\ufdd0", "\ufdd1"
_MENTION = re.compile(f"{_BEGIN}([^{_BEGIN}{_END}]{{1,100}}){_END}")
_UNSEEN = frozenset({"Cc", "Cf", "Mn", "Me", "Zs", "Zl", "Zp"})


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody by id; `name` is what they are called somewhere, empty where that is not known."""

    id: str
    name: str


def mention(person_id: str) -> str:
    """What stands in a text for a person, until the people of its conversation have labels."""
    return f"{_BEGIN}{person_id}{_END}"


def shortened(text: str, room: int) -> str:
    """The first `room` characters, less a mention that they would cut in two."""
    return re.sub(f"{_BEGIN}[^{_END}]*\\Z", "", text[: max(0, room)])


def unmarked(text: str) -> str:
    """What somebody typed, without anything that would be taken for a mention."""
    return text.replace(_BEGIN, "").replace(_END, "")


def mentioned_in(text: str) -> list[str]:
    """The ids of the people whose mentions stand in a text, in their order, each once."""
    return list(dict.fromkeys(_MENTION.findall(text)))


def spoken(text: str, labels: Mapping[str, str]) -> str:
    """The text with `@label` for every mention of a person who has one."""

    def word(match: re.Match[str]) -> str:
        label = labels.get(match[1])
        return match[0] if label is None else f"@{label}"

    return _MENTION.sub(word, text)


def labels_of(people: Iterable[Person], reserved: Collection[str] = ()) -> dict[str, str]:
    """A label for each id: one short line without colons, distinct from the others'.

    Of several names of one person the last that is known counts. Labels that look alike (case,
    width, invisible characters) do not count as distinct, and none looks like one of `reserved` or
    of ROLE_WORDS. Who of several people with one name gets a number depends on their ids alone, so
    that it stays the same from one answer to the next.
    """
    names: dict[str, str] = {}
    for person in people:
        names[person.id] = person.name or names.get(person.id, "")
    taken = {_look(name) for name in (*reserved, *ROLE_WORDS)}
    labels: dict[str, str] = {}
    for id_ in sorted(names, key=lambda one: (len(one), one)):
        labels[id_] = _free(clean_name(names[id_]), taken)
        taken.add(_look(labels[id_]))
    return {id_: labels[id_] for id_ in names}


def _free(name: str, taken: Collection[str]) -> str:
    """The name, or the name with the first number that makes it look like none that is taken."""
    label, number = name, 1
    while _look(label) in taken:
        number += 1
        suffix = f" ({number})"
        label = name[: NAME_CHARS - len(suffix)].rstrip() + suffix
    return label


def _look(name: str) -> str:
    """What is left of a name for the eye, so that equal looks are equal texts."""
    plain = unicodedata.normalize("NFKD", name)
    seen = (one for one in plain if unicodedata.category(one) not in _UNSEEN)
    return "".join(seen).casefold()
