import json
from pathlib import Path

import pytest

from data.errors import DataError, StoreError
from data.files.export import export
from data.records import RatingKind, SettingKey, Turn
from data.store.store import Store


async def test_each_rating_is_a_line_with_its_answer(
    store: Store, answered, database: Path, tmp_path: Path
) -> None:
    first = await answered(store, answer={"text": "Wet.\nVery\u2028wet."})
    second = await answered(store, answer={"variant": "base", "adapter_hash": None})
    await answered(store, answer={"text": "nobody rates this"})
    await store.rate(first.id, "zoe", RatingKind.GOOD)
    await store.rate(first.id, "ann", RatingKind.FUNNY)
    await store.rate(second.id, "zoe", RatingKind.ROBOTIC)

    out = tmp_path / "ratings.jsonl"
    assert export(database, out) == 3

    lines = [json.loads(line) for line in out.read_text(encoding="utf-8").split("\n")[:-1]]
    assert [(line["rating"], line["rater"], line["answer_id"]) for line in lines] == [
        ("good", 2, first.id),
        ("funny", 1, first.id),
        ("robotic", 2, second.id),
    ]
    assert lines[0] | {"rated_at": "", "answered_at": ""} == {
        "rating": "good",
        "rated_at": "",
        "rater": 2,
        "answer_id": first.id,
        "answered_at": "",
        "answer": "Wet.\nVery\u2028wet.",
        "variant": "tuned",
        "adapter_hash": "ab12",
        "model_id": "demo",
        "finish_reason": "stop",
        "prompt_tokens": 20,
        "completion_tokens": 3,
        "queue_ms": 5,
        "first_token_ms": 40,
        "total_ms": 100,
        "state": "finished",
        "prompt": "Is water wet?",
        "turns": [
            {"role": "system", "content": "Be funny."},
            {"role": "user", "content": "Is water wet?"},
        ],
        "sampling": {
            "max_tokens": 256,
            "temperature": 0.8,
            "top_p": 0.95,
            "top_k": 0,
            "min_p": 0.0,
            "repetition_penalty": 1.1,
            "frequency_penalty": 0.0,
            "presence_penalty": 0.0,
            "seed": 7,
            "stop": ["\n\n"],
        },
    }
    assert "zoe" not in out.read_text()


async def test_forgotten_people_are_nobody_and_forgotten_answers_left_out(
    store: Store, answered, database: Path, tmp_path: Path
) -> None:
    own = await answered(store, user_id="ann")
    other = await answered(store, user_id="bob")
    for person in ("ann", "bob"):
        await store.rate(own.id, person, RatingKind.GOOD)
        await store.rate(other.id, person, RatingKind.GOOD)
    await store.forget("ann")
    out = tmp_path / "ratings.jsonl"
    assert export(database, out) == 2
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert [(line["answer_id"], line["rater"]) for line in lines] == [
        (other.id, None),
        (other.id, 1),
    ]


async def test_what_was_said_on_discord_needs_two_peoples_consent(
    store: Store, answered, database: Path, tmp_path: Path
) -> None:
    quoting = (Turn("system", "Be kind."), Turn("user", "Bob: a secret"), Turn("user", "Mine?"))
    for person in ("willing", "unasked", "refusing", "forgetful"):
        answer = await answered(
            store, front_end="discord", user_id=person, prompt="Mine?", turns=quoting
        )
        for rater in ("willing", "unasked", "forgetful"):
            await store.rate(answer.id, rater, RatingKind.FUNNY)
    for person, consent in (("willing", "yes"), ("refusing", "no"), ("forgetful", "yes")):
        await store.set_setting("user", person, SettingKey.TRAINING_CONSENT, consent)
    await store.forget("forgetful")

    out = tmp_path / "ratings.jsonl"
    assert export(database, out) == 2

    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert [line["rater"] is None for line in lines] == [False, True]
    assert {line["answer_id"] for line in lines} == {1}
    assert "secret" not in out.read_text()
    assert lines[0]["turns"] == [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Mine?"},
    ]
    assert "is_local" not in lines[0]


def test_nothing_is_written_over_or_left_half(database: Path, tmp_path: Path) -> None:
    out = tmp_path / "ratings.jsonl"
    with pytest.raises(StoreError, match="there is no database"):
        export(database, out)
    assert not out.exists()
    out.write_text("mine")
    with pytest.raises(DataError, match="exists already"):
        export(database, out)
    assert out.read_text() == "mine"
