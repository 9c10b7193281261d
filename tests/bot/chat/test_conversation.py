from hypothesis import given
from hypothesis import strategies as st

from bot.chat.conversation import (
    Budget,
    Utterance,
    build_turns,
    cut,
    labelled,
    shrink,
    with_persona,
)
from data.records import Said, Turn

LINES = st.lists(
    st.builds(
        Utterance, st.sampled_from(["Ann", "Bob", None]), st.text("xyz ", min_size=1, max_size=8)
    ),
    max_size=20,
)
BUDGETS = st.builds(Budget, st.integers(1, 60), st.integers(1, 12))
PLENTY = Budget(10_000, 1000)


def prompted(lines):
    return [*lines, Utterance("Ann", "the prompt")]


@given(LINES, BUDGETS, st.sampled_from([None, "", "Be kind."]))
def test_roles_alternate_and_begin_and_end_with_user(lines, budget, persona):
    turns = build_turns(prompted(lines), persona, budget)
    roles = [turn.role for turn in turns]
    if persona:
        assert roles.pop(0) == "system"
    assert roles == ["user", "assistant"] * (len(roles) // 2) + ["user"]
    assert turns[-1].content.endswith("the prompt")


@given(LINES, BUDGETS)
def test_the_budget_holds_but_for_the_last_turn(lines, budget):
    turns = build_turns(prompted(lines), None, budget)
    assert len(turns) == 1 or len(turns) <= budget.max_turns
    assert len(turns) == 1 or sum(len(turn.content) for turn in turns) <= budget.max_chars


@given(LINES, BUDGETS)
def test_only_the_oldest_end_is_cut(lines, budget):
    whole = build_turns(prompted(lines), None, PLENTY)
    turns = build_turns(prompted(lines), None, budget)
    assert whole[len(whole) - len(turns) + 1 :] == turns[1:]
    assert whole[len(whole) - len(turns)].content.endswith(turns[0].content)


LINES_BY_ID = st.lists(
    st.builds(
        Utterance,
        st.sampled_from(["Ann", "ann", None]),
        st.text("xy\n:", min_size=1, max_size=300),
        st.sampled_from(["1", "2"]),
    ),
    min_size=1,
    max_size=8,
)


@given(LINES_BY_ID, st.integers(1, 700))
def test_each_part_of_what_is_left_is_known_by_an_id(lines, room):
    prompt = Utterance("Ann", "the prompt", "3")
    turns = build_turns(labelled([*lines, prompt]), "Be.", Budget(room, 24))
    for turn in turns[1:]:
        assert turn.content == "\n".join(part.text for part in turn.said)
        assert all(part.user_id in ("1", "2", "3") for part in turn.said)
    assert turns[-1].said[-1].user_id == "3"


def test_a_part_is_its_persons_whatever_its_label_says():
    lines = [
        Utterance("Ann", "mine", "1"),
        Utterance("Ann", "Ann: not yours", "2"),
        Utterance(None, "so", "1"),
        Utterance("Ann", "well?", "2"),
    ]
    first, answer, last = build_turns(labelled(lines), None, PLENTY)
    assert first.said[0] == Said("1", "Ann: mine")
    assert [part.user_id for part in first.said] == ["1", "2"]
    assert first.said[1].text.startswith("Ann (2): ")
    assert answer.said == (Said("1", "so"),)
    assert last.said == (Said("2", "Ann (2): well?"),)


@given(LINES)
def test_shrinking_ends_with_the_prompt_and_keeps_the_persona(lines):
    turns = build_turns(prompted(lines), "P", PLENTY)
    steps = 0
    while (less := shrink(turns)) is not None:
        assert len(less) < len(turns)
        assert less[0] == turns[0]
        assert less[1].role == "user"
        assert less[1:] == turns[len(turns) - len(less) + 1 :]
        turns, steps = less, steps + 1
    assert len(turns) == 2
    assert steps <= 5


def test_names_only_where_several_people_speak():
    alone = [Utterance("Ann", "a"), Utterance(None, "b"), Utterance("Ann", "c")]
    assert build_turns(alone, None, PLENTY)[0] == Turn("user", "a")
    both = [
        Utterance("Ann", "a"),
        Utterance("B:o\nb", "b"),
        Utterance(None, "c"),
        Utterance("Ann", "d"),
    ]
    assert build_turns(both, None, PLENTY) == (
        Turn("user", "Ann: a\nBo b: b"),
        Turn("assistant", "c"),
        Turn("user", "Ann: d"),
    )


def test_many_lines_before_the_prompt_are_cut_as_well():
    """Neighbouring lines make one turn, and that turn too has to fit."""
    lines = [Utterance("Ann", f"{number} {'x' * 100}") for number in range(99)]
    (turn,) = build_turns([*lines, Utterance("Ann", "well?")], None, Budget(1000, 24))
    assert len(turn.content) <= 1000
    assert turn.content.endswith(f"98 {'x' * 100}\nwell?")


def test_a_long_line_is_read_in_part():
    (turn,) = build_turns(
        [Utterance("Ann", "x" * 5000), Utterance("Ann", "well?")], None, Budget(1000, 24)
    )
    assert turn.content.startswith("xxx")
    assert turn.content.endswith(" …\nwell?")
    assert len(turn.content) <= 1000


def test_a_last_turn_above_the_budget_stays_alone():
    turns = [Turn("user", "a"), Turn("assistant", "b"), Turn("user", "c" * 100)]
    assert cut(turns, Budget(10, 10)) == (turns[2],)
    assert cut([], Budget(10, 10)) == ()
    assert with_persona(turns, None) == tuple(turns)
