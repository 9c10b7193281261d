import json
from hashlib import sha256
from pathlib import Path

import pytest

from data.errors import DataError, StoreError
from data.files.export import export
from data.files.export_manifest import ExportManifest, LeftOut
from data.records import MadeExport, RatingKind, SettingKey, Turn
from data.store.database import connect
from data.store.exports import made_exports
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
    manifest = export(database, out)
    assert manifest.ratings == 3

    lines = [json.loads(line) for line in out.read_text(encoding="utf-8").split("\n")[:-1]]
    zoe, ann = lines[0]["rater"], lines[1]["rater"]
    assert len({zoe, ann}) == 2
    assert [(line["rating"], line["rater"], line["answer_id"]) for line in lines] == [
        ("good", zoe, first.id),
        ("funny", ann, first.id),
        ("robotic", zoe, second.id),
    ]
    assert lines[0] | {"rated_at": "", "answered_at": ""} == {
        "rating": "good",
        "rated_at": "",
        "rater": zoe,
        "origin": "terminal",
        "export": manifest.id,
        "permission": None,
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
    manifest = export(database, out)
    assert manifest.ratings == 2
    assert manifest.left_out[LeftOut.FORGOTTEN] == 2
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert [(line["answer_id"], line["rater"] is None) for line in lines] == [
        (other.id, True),
        (other.id, False),
    ]


@pytest.fixture
async def on_discord(store: Store, answered) -> None:
    """Twelve ratings by three people of the answers to four, of whom two agreed once."""
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


async def test_what_was_said_on_discord_stays_whatever_people_agreed_to(
    on_discord, database: Path, tmp_path: Path
) -> None:
    out = tmp_path / "ratings.jsonl"
    manifest = export(database, out)
    assert (manifest.ratings, out.read_bytes()) == (0, b"")
    assert list(manifest.left_out.values()) == [3, 9, 0, 0]
    assert manifest.permission is None


async def test_what_was_said_on_discord_needs_two_peoples_consent(
    on_discord, database: Path, tmp_path: Path
) -> None:
    out = tmp_path / "ratings.jsonl"
    manifest = export(database, out, "ticket 7")
    assert list(manifest.left_out.values()) == [3, 0, 6, 2]
    assert (manifest.ratings, manifest.discord_ratings, manifest.answers) == (1, 1, (1,))

    [line] = [json.loads(line) for line in out.read_text().splitlines()]
    assert line["rater"] is not None
    assert line["answer_id"] == 1
    assert "secret" not in out.read_text()
    assert line["turns"] == [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Mine?"},
    ]
    assert (line["origin"], line["permission"]) == ("discord", "ticket 7")
    assert not any(key.endswith("agrees") for key in line)


async def test_what_was_typed_here_is_free_and_bears_no_permission(
    store: Store, answered, database: Path, tmp_path: Path
) -> None:
    for front_end in ("terminal", "pipe"):
        answer = await answered(store, front_end=front_end)
        await store.rate(answer.id, "ann", RatingKind.GOOD)
    manifest = export(database, tmp_path / "out", "ticket 7")
    assert (manifest.ratings, manifest.discord_ratings) == (2, 0)
    lines = [json.loads(line) for line in (tmp_path / "out").read_text().splitlines()]
    assert [(line["origin"], line["permission"]) for line in lines] == [
        ("terminal", None),
        ("pipe", None),
    ]


@pytest.mark.parametrize("willing", ["no", "yes"])
async def test_words_repeated_by_a_button_are_their_first_writers(
    store: Store, answered, database: Path, tmp_path: Path, willing: str
) -> None:
    for person, key in (("writer", "discord:message:1"), ("presser", "discord:interaction:2")):
        answer = await answered(store, front_end="discord", user_id=person, source_key=key)
        await store.rate(answer.id, "presser", RatingKind.GOOD)
    own = await answered(store, front_end="discord", user_id="presser", prompt="my own")
    await store.rate(own.id, "presser", RatingKind.GOOD)
    await store.set_setting("user", "presser", SettingKey.TRAINING_CONSENT, "yes")
    await store.set_setting("user", "writer", SettingKey.TRAINING_CONSENT, willing)
    manifest = export(database, tmp_path / "out", "ticket 7")
    assert manifest.ratings == {"no": 1, "yes": 3}[willing]
    assert manifest.left_out[LeftOut.ASKER] == {"no": 2, "yes": 0}[willing]


async def test_the_manifest_lies_beside_the_export(
    store: Store, answered, database: Path, tmp_path: Path
) -> None:
    await store.rate((await answered(store)).id, "ann", RatingKind.GOOD)
    out = tmp_path / "ratings.jsonl"
    manifest = export(database, out, "ticket 7")
    found = json.loads((tmp_path / "ratings.jsonl.manifest.json").read_text())
    assert found == {
        "kind": "fungpt export",
        "format": 1,
        "id": manifest.id,
        "created": manifest.created.isoformat(),
        "database": manifest.database,
        "file": "ratings.jsonl",
        "sha256": sha256(out.read_bytes()).hexdigest(),
        "permission": "ticket 7",
        "ratings": 1,
        "discord_ratings": 0,
        "left_out": dict.fromkeys(LeftOut, 0),
        "answers": [1],
    }


async def test_people_are_keyed_hashes_the_same_in_each_export_of_a_database(
    store: Store, answered, database: Path, tmp_path: Path
) -> None:
    await store.rate((await answered(store)).id, "123456789", RatingKind.GOOD)

    def rater(path: Path, name: str) -> str:
        manifest = export(path, tmp_path / name)
        return json.loads((tmp_path / name).read_text())["rater"] + manifest.database

    first = rater(database, "a")
    assert first == rater(database, "b")
    key = await store.setting("global", "", SettingKey.EXPORT_KEY)
    assert key is not None
    assert len(bytes.fromhex(key)) == 32
    unkeyed = sha256(b"123456789").hexdigest()
    for name in ("a", "a.manifest.json", "b"):
        for trace in ("123456789", unkeyed, key):
            assert trace not in (tmp_path / name).read_text()
    async with await Store.open(tmp_path / "other.db") as other:
        await other.rate((await answered(other)).id, "123456789", RatingKind.GOOD)
        assert rater(tmp_path / "other.db", "c") != first


async def test_the_store_remembers_each_export(
    store: Store, answered, database: Path, tmp_path: Path
) -> None:
    await store.rate((await answered(store)).id, "ann", RatingKind.GOOD)
    manifest = export(database, tmp_path / "out", "ticket 7")
    made = MadeExport(
        manifest.id, str(tmp_path / "out"), manifest.sha256, "ticket 7", manifest.created, 1, 0
    )
    assert await store.exports() == made_exports(database) == (made,)


async def test_an_export_that_fails_leaves_neither_file_nor_record(
    store: Store, answered, database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.rate((await answered(store)).id, "ann", RatingKind.GOOD)

    def fail(_: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(ExportManifest, "to_json", fail)
    with pytest.raises(KeyboardInterrupt):
        export(database, tmp_path / "out")
    assert not any((tmp_path / name).exists() for name in ("out", "out.manifest.json"))
    assert await store.exports() == ()


def test_a_manifest_that_exists_is_not_written_over(database: Path, tmp_path: Path) -> None:
    connect(database).close()
    (tmp_path / "out.manifest.json").write_text("mine")
    with pytest.raises(DataError, match=r"out\.manifest\.json exists already"):
        export(database, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_nothing_is_written_over_or_left_half(database: Path, tmp_path: Path) -> None:
    out = tmp_path / "ratings.jsonl"
    with pytest.raises(StoreError, match="there is no database"):
        export(database, out)
    assert not out.exists()
    out.write_text("mine")
    with pytest.raises(DataError, match="exists already"):
        export(database, out)
    assert out.read_text() == "mine"
