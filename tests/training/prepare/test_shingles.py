"""Texts that are nearly the same are found, all of them and no others."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.training.similarity import shingles_of, similarity
from training.prepare.shingles import near_pairs, normalise

# Few letters, so that shared shingles are common.
TEXTS = st.lists(st.text(alphabet="ab c!", min_size=1, max_size=12), max_size=12)


def test_normalises_case_marks_and_width():
    assert normalise("  What's UP, Ｄoc?!") == "what s up doc"


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("Тhе bеst sоuр", "the best soup"),
        ("ΝΟΤ ΤΗΕ ΒΕΑΤΕΝ ΡΑΤΗ".replace("Ν", "N"), "not the beaten path"),
        ("𝐛𝐨𝐥𝐝 𝓈𝒸𝓇𝒾𝓅𝓉", "bold script"),
        ("sou\u200bp is\u00ad so\ufe0fup", "soup is soup"),
        ("ɪs sᴏᴜᴘ", "is soup"),
        ("ｆｕｌｌ", "full"),
    ],
)
def test_letters_that_look_the_same_count_as_the_same(text, same):
    assert normalise(text) == same


@pytest.mark.parametrize(
    ("one", "other"), [("Мама мыла раму", "мама МЫЛА Раму!"), ("Ο ΣΚΥΛΟΣ", "ο σκυλος")]
)
def test_case_does_not_count_in_other_scripts(one, other):
    assert normalise(one) == normalise(other)


@given(st.text(max_size=20))
def test_normalising_again_changes_nothing(text):
    assert normalise(normalise(text)) == normalise(text)


def test_a_text_of_marks_alone_is_itself():
    assert normalise("!?!") == "!?!"
    assert similarity("!?!", "...") < 1


@pytest.mark.parametrize(
    ("one", "other", "near"),
    [
        ("Is pineapple good?", "is pineapple good", True),
        (
            "what do you think about US politics",
            "what do you really think about US politics?",
            True,
        ),
        ("what is the best phone", "what is the best social media", False),
        ("cats or dogs", "coffee or tea", False),
    ],
)
def test_similarity_matches_what_a_person_calls_near(one, other, near):
    assert (similarity(one, other) >= 0.6) is near
    assert similarity(one, other) == similarity(other, one)


@given(TEXTS, st.sampled_from([0.2, 0.5, 0.6, 0.7, 0.9, 1.0]))
def test_the_index_finds_exactly_what_comparing_all_finds(texts, threshold):
    every = [
        (i, j)
        for i, j in combinations(range(len(texts)), 2)
        if similarity(texts[i], texts[j]) >= threshold
    ]
    assert near_pairs([shingles_of(text) for text in texts], threshold) == every
