"""Made-up conversations in any number, for measurements: no two runs of one seed differ."""

from collections.abc import Iterator
from random import Random

_WHO = """
my neighbour, the mayor, our cat, a plumber, nobody, the whole team, his sister, that
singer, a judge, the bus driver, your uncle, the new boss, an old friend, every tourist,
the baker, a robot
"""
_DOES = """
keeps, hates, sells, paints, forgot, defends, cooked, bought, mocks, repairs, needs,
dropped, invented, likes, explained, stole
"""
_WHAT = """
the red bicycle, a cold soup, that ugly lamp, three tickets, the long speech, a broken
phone, cheap wine, the last train, an honest answer, the garden fence, some vinyl records,
a loud party, the tax form, a wooden boat, two tired dogs, the wrong medicine
"""
_WHEN = """
before breakfast, every single Monday, since the storm, without a reason, in broad
daylight, after the match, for the third time, at the airport, while it rained, on a dare,
during lunch, as a joke, with great care, against all advice, in the winter, for money
"""
_OPEN = """
Honestly, Well, To be fair, Look, As I said, Funny enough, Sure, In my town, No wonder, If
you ask me, Wait, Fine, Sadly, Once again, Guess what, For what it is worth
"""
_PARTS = [" ".join(words.split()).split(", ") for words in (_WHO, _DOES, _WHAT, _WHEN)]
_OPENINGS = " ".join(_OPEN.split()).split(", ")
_LETTERS = "bcdfghjklmnprstvwz"
_VOWELS = "aeiou"


def conversations(count: int, seed: int = 0) -> Iterator[tuple[str, str]]:
    """Comments and replies of one to ten sentences; some stand twice, some nearly, some dirty."""
    random = Random(seed)
    for number in range(count):
        comment, reply = _text(random), _text(random)
        kind = random.random()
        if kind < 0.02:
            again = Random(number % 50)
            comment, reply = _text(again), _text(again)
        elif kind < 0.05:
            reply = random.choice(["lol", "This.", "[deleted]", "Thanks!", "Why though?"])
        elif kind < 0.10:
            reply += " See https://example.org/x?q=1 &amp; ask u/somebody.\\n\\nEDIT: typo"
        yield comment, reply


def _text(random: Random) -> str:
    return " ".join(_sentence(random) for _ in range(min(10, int(random.expovariate(0.7)) + 1)))


def _sentence(random: Random) -> str:
    parts = [random.choice(words) for words in _PARTS]
    # Names keep sentences of one pattern from being near each other by chance.
    names = " ".join(_name(random) for _ in range(random.randint(1, 4)))
    return f"{random.choice(_OPENINGS)}, {' '.join(parts)} with {names}."


def _name(random: Random) -> str:
    return "".join(
        random.choice(_LETTERS) + random.choice(_VOWELS) for _ in range(random.randint(2, 4))
    ).capitalize()
