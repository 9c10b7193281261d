"""Conversations of people whose names stand in each other's words, and one of them forgotten."""

from dataclasses import dataclass
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data.records import NewRequest, Said, Turn, merge_turns
from data.store.rows import to_turns, turns_json
from data.store.store import Store
from data.turns import is_asked_by, said_by, told_apart, without
from tests.fakes.sampling import stored_sampling

NAMES = {"1": "a", "2": "I", "11": "Ann", "3": "an", "4": "1"}
WORDS = st.lists(
    st.sampled_from(["a", "I", "Ann", "Annual", "a: b", "\nAnn: hi", "\nI: me", '"1"', "said"]),
    min_size=1, max_size=4,
).map(" ".join)  # fmt: skip


@dataclass(frozen=True)
class Line:
    role: str
    person: str
    text: str


LINES = st.lists(
    st.builds(Line, st.sampled_from(["user", "assistant"]), st.sampled_from([*NAMES]), WORDS),
    min_size=1, max_size=8,
)  # fmt: skip
PEOPLE = st.sampled_from([*NAMES])


def turn(line: Line) -> Turn:
    text = line.text if line.role == "assistant" else f"{NAMES[line.person]}: {line.text}"
    return Turn(line.role, text, (Said(line.person, text),))  # pyright: ignore[reportArgumentType]


def parts(turns: tuple[Turn, ...]) -> list[tuple[str, Said]]:
    return [(one.role, part) for one in turns for part in one.said]


@given(LINES, PEOPLE)
def test_a_persons_parts_go_and_all_others_keep_their_bytes(lines: list[Line], gone: str):
    turns = merge_turns(map(turn, lines))
    left = to_turns(turns_json(without(turns, gone)))
    assert parts(left) == [one for one in parts(turns) if one[1].user_id != gone]
    assert said_by(left, gone) == []
    assert len(said_by(turns, gone)) == sum(line.person == gone for line in lines)
    assert all(one.content == "\n".join(part.text for part in one.said) for one in left)


@given(st.lists(LINES, min_size=1, max_size=4), PEOPLE, st.integers(0, 3))
@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
async def test_forgetting_in_the_store_is_the_same(
    tmp_path_factory, conversations: list[list[Line]], gone: str, asker: int
):
    path: Path = tmp_path_factory.mktemp("turns") / "f.db"
    async with await Store.open(path) as store:
        asked: list[tuple[int, str, tuple[Turn, ...]]] = []
        for number, lines in enumerate(conversations):
            person = [*NAMES][(asker + number) % len(NAMES)]
            prompt = Line("user", person, lines[-1].text)
            turns = merge_turns([Turn("system", "You are Ann."), *map(turn, [*lines, prompt])])
            request, _ = await store.add_request(
                NewRequest(
                    source_key=str(number), conversation="room", front_end="discord",
                    user_id=person, user_name=NAMES[person], prompt=prompt.text, turns=turns,
                    variant="base", sampling=stored_sampling(),
                )
            )  # fmt: skip
            asked.append((request.id, person, turns))
        await store.forget(gone, set(NAMES.values()))
        for number, person, turns in asked:
            stored = await store.request(number)
            if person == gone:
                assert (stored.turns, stored.prompt) == ((), "")
                continue
            assert stored.prompt != ""
            assert stored.turns[0] == turns[0]
            assert parts(stored.turns) == [one for one in parts(turns) if one[1].user_id != gone]


def test_who_asked_is_who_said_the_last_part():
    turns = merge_turns(turn(Line("user", person, "hm")) for person in ("1", "2"))
    assert is_asked_by(turns, "2")
    assert not is_asked_by(turns, "1")
    assert not is_asked_by((), "1")
    assert not is_asked_by([Turn("user", "hm")], "1")


@given(st.lists(st.sampled_from([*NAMES]), min_size=2, max_size=6))
def test_labels_tell_turns_of_old_apart(people: list[str]):
    lines = [Line("user", person, "so\nit is") for person in people]
    whole = merge_turns(map(turn, lines))
    bare = [Turn(one.role, one.content) for one in whole]
    labels = {label: person for person, label in NAMES.items()}
    apart = told_apart(bare, people[-1], NAMES[people[-1]], "so\nit is", labels)
    assert parts(apart) == parts(whole)
