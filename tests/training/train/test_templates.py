"""Training from end to end on bases whose templates have rules of their own."""

import datetime
import json
from pathlib import Path

import pytest

from model.assembly import TokenizerCodec
from model.loading.base import resolve_base
from model.loading.manifest import file_sha256
from model.loading.quantised import load_quantised
from model.text.codec import ChatTurn
from model.text.prompt import PromptRenderer
from tests.fakes.chat_models import chat_tokenizer
from tests.fakes.tiny_model import make_tiny
from tests.training.conftest import rewrite_side
from training.artifacts.adapter import WEIGHTS
from training.errors import PreparedDataError
from training.prepare.prepare import PrepareOptions, prepare
from training.prepare.sides import Shares, Side
from training.recipe import DATE, read_recipe
from training.train.dense import load_to_learn
from training.train.device import compute_dtype
from training.train.examples import IGNORED, encode, read_side
from training.train.job import Job
from training.train.train import train

THINGS = ("soup", "war", "cats", "golf", "jazz", "rent", "school", "mars", "ties", "tea")


@pytest.fixture
def job_on(tmp_path, write_recipe):
    """A job on a tiny base with this model's template, its rows with a persona and a past."""

    def make(name: str, *overrides: str) -> Job:
        folder = make_tiny(
            tmp_path / name, tokenizer=chat_tokenizer(name), max_position_embeddings=1024
        )
        recipe = read_recipe(write_recipe(epochs=1), ["schedule.max_tokens=1024", *overrides])
        base = resolve_base(str(folder), tmp_path, lambda *_: None)
        return Job(base, prepared(tmp_path), recipe, tmp_path / f"{name}.adapter")

    return make


def prepared(folder: Path) -> Path:
    source, data = folder / "chats.jsonl", folder / "data"
    if data.is_dir():
        return data
    chats = [
        [
            {"role": "system", "content": "be a pirate"},
            *past(thing, turns),
            {"role": "user", "content": f"what about {thing}"},
            {"role": "assistant", "content": f"{thing} is {verdict}, I said it"},
        ]
        for thing in THINGS
        for turns, verdict in enumerate(("great", "awful"))
    ]
    source.write_text("".join(json.dumps({"messages": chat}) + "\n" for chat in chats))
    prepare(source, data, PrepareOptions(seed=1, similarity=0.9, shares=Shares(0.2, 0.2)))
    return data


def past(thing: str, turns: int) -> list[dict[str, str]]:
    asked = {"role": "user", "content": f"do you know {thing} at all"}
    return [asked, {"role": "assistant", "content": f"{thing} I know very well"}] * turns


def say_nothing(_line: str) -> None:
    """For what is not looked at."""


@pytest.mark.parametrize("name", ["mistral_v3", "gemma_2", "llama_3_2", "phi_3"])
def test_rows_with_a_persona_train_and_serve_alike(job_on, name):
    job = job_on(name)
    manifest = train(job, say_nothing)
    pairs = read_side(job.data, Side.TRAIN)
    assert any(turn.role == "system" for pair in pairs for turn in pair.before)
    assert manifest.figures["train_rows"] == len(pairs)

    _, tokenizer = load_quantised(job.base, compute_dtype=compute_dtype(), trainable=False)
    codec = TokenizerCodec(tokenizer, job.recipe.date)
    _, tokenizer = load_to_learn(job.base, compute_dtype())
    rows = encode(pairs, PromptRenderer(tokenizer, job.recipe.date), 1024).rows
    for pair, row in zip(pairs, rows, strict=True):
        before = [ChatTurn(turn.role, turn.content) for turn in pair.before]
        served = codec.encode_chat([*before, ChatTurn("user", pair.comment)])
        assert row["input_ids"][: row["labels"].count(IGNORED)] == served


class AnotherDay(datetime.datetime):
    """A clock that is years ahead."""

    @classmethod
    def now(cls, tz=None):
        return super().now(tz) + datetime.timedelta(days=5000)


def test_what_is_learned_does_not_depend_on_the_day(job_on, monkeypatch):
    job = job_on("llama_3_2")
    assert job.recipe.date == DATE
    train(job, say_nothing)
    today = file_sha256(job.out / WEIGHTS)
    monkeypatch.setattr("transformers.utils.chat_template_utils.datetime", AnotherDay)
    assert "Today Date" in str(chat_tokenizer("llama_3_2").apply_chat_template(
        [{"role": "user", "content": "x"}], tokenize=False))  # fmt: skip
    train(job, say_nothing)
    assert file_sha256(job.out / WEIGHTS) == today


def test_the_recipes_date_is_learned(job_on):
    same = job_on("llama_3_2")
    train(same, say_nothing)
    first = file_sha256(same.out / WEIGHTS)
    manifest = train(job_on("llama_3_2", "date=2031-12-24"), say_nothing)
    assert manifest.config["date"] == "2031-12-24"
    assert file_sha256(same.out / WEIGHTS) != first


def test_a_row_that_the_template_refuses_stops_before_the_first_step(job_on):
    job = job_on("mistral_v3")
    path = job.data / "validation.jsonl"
    lines = path.read_text().splitlines()
    row = json.loads(lines[1]) | {"before": [{"role": "assistant", "content": "ahoy"}]}
    rewrite_side(job.data, Side.VALIDATION, [lines[0], json.dumps(row), *lines[2:]])
    with pytest.raises(PreparedDataError, match="must alternate") as refused:
        train(job, say_nothing)
    assert str(refused.value).startswith(f"{path}, row 2: ")
    assert not job.out.exists()
