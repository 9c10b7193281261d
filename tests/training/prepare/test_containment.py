"""A text that stands in another is found, wherever it stands there, and no other."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.files.datasets import Pair, read_pairs
from tests.bench.sentences import conversations
from training.errors import PreparationError
from training.prepare.containment import LEAST_CHARS, Fingerprints, contains
from training.prepare.near import EXACT_UP_TO, Nearness, clusters
from training.prepare.prepare import PrepareOptions, prepare
from training.prepare.rules import KeptRow
from training.prepare.shingles import normalise
from training.prepare.sides import Shares, Side
from training.prepare.spill import Spill

SENTENCES = sorted({normalise(text) for pair in conversations(60, 9) for text in pair})
SENTENCES = [text for text in SENTENCES if len(text) >= LEAST_CHARS]
LONG = "the mayor of our town keeps a red bicycle in the garden of his sister"
# Latin letters, and letters of other scripts that look the same.
LOOKALIKES = str.maketrans("aeopcxyiAEOTBM", "аеорсхуіАΕΟТВМ")


@pytest.mark.parametrize(
    ("longer", "shorter", "found"),
    [
        (f"well look {LONG}", LONG, True),
        (f"{LONG} and nobody knows why", LONG, True),
        (f"so {LONG} he says", LONG, True),
        (f"so {LONG} he says", LONG.replace("red", "blue"), False),
        (LONG, f"so {LONG} he says", False),
        ("what do you think about cats and dogs", "what do you think about", False),
        (LONG, LONG, True),
    ],
)
def test_what_a_person_calls_a_copy_with_more_is_one(longer, shorter, found):
    assert contains(longer, shorter) is found


def candidates(texts, **how):
    with tempfile.TemporaryFile() as prints, tempfile.TemporaryFile() as chosen:
        found = Fingerprints(prints, chosen, **how)
        found.write(texts)
        return set(found.candidates())


@settings(max_examples=40, deadline=None)
@given(st.data(), st.booleans())
def test_every_text_that_stands_in_another_is_a_candidate(data, every):
    few = data.draw(st.lists(st.sampled_from(SENTENCES), min_size=1, max_size=12, unique=True))
    word = st.sampled_from(["well", "so he said", "because of the rain and the long way home"])
    copies = [f"{data.draw(word)} {text} {data.draw(word)}" for text in few]
    texts = few + copies
    found = candidates(texts, every=every)
    for number in range(len(few)):
        assert (number, len(few) + number) in found


def test_hardly_any_others_are_candidates():
    texts = SENTENCES + [f"well look {text}" for text in SENTENCES[:30]]
    found = candidates(texts)
    assert {(n, len(SENTENCES) + n) for n in range(30)} <= found
    assert len(found) < 60


def test_a_text_that_stands_in_very_many_is_a_candidate_with_each():
    texts = [LONG, *(f"{LONG} {n**5:x} {n**7:x} {'so ' * (n % 9)}" for n in range(500))]
    found = candidates(texts)
    assert {(0, n) for n in range(1, 501)} <= found


@pytest.mark.parametrize("texts", [[], ["a"], ["a" * 31], ["a" * 400, "a" * 50], [LONG]])
def test_few_and_odd_texts_do_no_harm(texts):
    assert len(candidates(texts)) <= 1


@pytest.mark.parametrize("limit", [0, EXACT_UP_TO])
def test_copies_with_more_and_lookalikes_share_a_cluster(tmp_path, limit):
    spill = Spill(tmp_path)
    pairs = [(f"Why {number}?", text) for number, text in enumerate(SENTENCES[:40])]
    pairs += [("Look.", f"Now hear this! {text}") for _, text in pairs[:20]]
    pairs += [("Hm.", f"{text.translate(LOOKALIKES)} Who would have thought it?")
              for _, text in pairs[:20]]  # fmt: skip
    for number, pair in enumerate(pairs):
        spill.add(KeptRow(f"row {number}", Pair(*pair), None, None), None)
    cluster = clusters(spill, Nearness(0.6, limit), tmp_path)
    _, replies, _ = spill.columns()
    spill.close()
    for number in range(20):
        assert len({int(cluster[replies[row]]) for row in (number, 40 + number, 60 + number)}) == 1
    assert len({int(cluster[replies[row]]) for row in range(40)}) > 30


WORDS = st.lists(st.sampled_from(normalise(" ".join(SENTENCES)).split()), min_size=9, max_size=14)


@settings(max_examples=15, deadline=None)
@given(st.lists(WORDS.map(" ".join), min_size=8, max_size=12, unique=True), st.integers(0, 9),
       st.sampled_from([0, EXACT_UP_TO]))  # fmt: skip
def test_no_copy_with_a_sentence_more_crosses_the_sides(texts, seed, limit):
    with tempfile.TemporaryDirectory() as place:
        source, out = Path(place) / "a.csv", Path(place) / "out"
        rows = [(f"ask {n * 7919}", text) for n, text in enumerate(texts)]
        rows += [(f"and {n * 104729}", f"Listen to me. {text.translate(LOOKALIKES)}")
                 for n, text in enumerate(texts)]  # fmt: skip
        source.write_text("comment,reply\n" + "".join(f"{a},{b}\n" for a, b in rows), "utf-8")
        options = PrepareOptions(seed=seed, shares=Shares(0.3, 0.3), exact_up_to=limit)
        try:
            prepare(source, out, options)
        except PreparationError:
            return  # too many of them are copies of one another to fill three sides
        sides = {side: [normalise(pair.reply) for pair in read_pairs(out / f"{side}.jsonl")]
                 for side in Side}  # fmt: skip
        for side, found in sides.items():
            others = [text for other in Side if other is not side for text in sides[other]]
            assert not [(a, b) for a in found for b in others if contains(b, a)]
