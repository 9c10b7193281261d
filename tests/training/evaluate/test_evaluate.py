"""An evaluation from end to end on the tiny model."""

import json
from dataclasses import replace

import numpy as np
import pytest

from data.files.made_from import MadeFrom, made_from
from data.records import MadeExport
from model.loading.base import resolve_base
from model.loading.manifest import read_manifest, write_manifest
from model.loading.quantised import load_quantised
from model.text.prompt import PromptRenderer
from tests.fakes.chat_models import chat_tokenizer
from tests.fakes.tiny_model import make_adapter, make_tiny, make_whole_adapter
from training.errors import AdapterError, EvaluationError, PreparedDataError
from training.evaluate.evaluate import EvaluationOptions, measure_adapters
from training.evaluate.losses import SideLosses, losses, losses_by_row
from training.evaluate.report.page import write_report
from training.evaluate.report.table import rows_used, table
from training.evaluate.result import Evaluation, ReportedSampling
from training.prepare.card import read_card, write_card
from training.prepare.sides import Side
from training.train.device import compute_dtype
from training.train.examples import encode, read_side
from training.train.layout import Padded
from training.train.loss import ReplyLoss, measure

SAMPLING = ReportedSampling(max_tokens=10, temperature=0.7)


@pytest.fixture(scope="session")
def adapter(base, tmp_path_factory):
    return make_adapter(base.folder, tmp_path_factory.mktemp("adapter") / "tuned")


@pytest.fixture
def options(tmp_path):
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text('{"id": "a", "prompt": "hello there"}\n{"id": "b", "prompt": "why"}\n')
    return EvaluationOptions(sampling=SAMPLING, prompts=prompts, draws=50)


def answers(found: Evaluation, name: str) -> list[str]:
    return [asked.answers[name].text for asked in found.test]


def test_base_and_adapter_are_measured_on_the_test_side(base, adapter, prepared, options):
    stages = []
    found = measure_adapters(
        base, {"base": None, "tuned": adapter}, prepared, options, lambda *it: stages.append(it)
    )
    test = read_side(prepared, Side.TEST)
    assert found.data.rows == len(found.test) == len(test)
    assert [asked.turns[-1].content for asked in found.test] == [pair.comment for pair in test]
    assert [asked.reply for asked in found.test] == [pair.reply for pair in test]
    assert [asked.id for asked in found.prompts] == ["a", "b"]
    assert [variant.name for variant in found.variants] == ["base", "tuned"]
    assert found.variants[1].hash is not None
    assert answers(found, "base") != answers(found, "tuned")
    assert found.sampling == SAMPLING
    assert ("tuned: answers", len(test), len(test)) in stages
    assert len(found.unchecked) == 1  # the adapter has no manifest


def test_a_report_that_quotes_an_export_is_found_when_somebody_is_forgotten(
    base, prepared, options, tmp_path
):
    card = read_card(prepared)
    source = card.source.model_copy(
        update={"discord": "an export", "permission": "ticket <7>", "exports": ("ab12",)}
    )
    make_whole_adapter(base, tmp_path / "tuned")
    record = read_manifest(tmp_path / "tuned")
    assert record is not None
    data = record.data.model_copy(update={"exports": ("cd34",), "discord_permission": "8"})
    write_manifest(tmp_path / "tuned", record.model_copy(update={"data": data}))
    write_card(prepared, card.model_copy(update={"sources": (source,)}))
    few = replace(options, limit=1)
    found = measure_adapters(base, {"base": None, "tuned": tmp_path / "tuned"}, prepared, few)
    assert found.data.discord_permission == "8, ticket <7>"
    write_report(found, tmp_path / "reports" / "one")
    for name in ("ab12", "cd34"):
        made = MadeExport(name, "out", "ff", None, found.created, 1, 1)
        assert made_from([made], [tmp_path / "reports"]) == (
            MadeFrom("evaluation", tmp_path / "reports" / "one"),
        )
    said = (tmp_path / "reports" / "one" / "report.html").read_text()
    assert "written on Discord, which permitted training on them: 8, ticket &lt;7&gt;" in said

    bad = source.model_copy(update={"permission": None})
    write_card(prepared, card.model_copy(update={"sources": (bad,)}))
    with pytest.raises(PreparedDataError, match="is Discord content without"):
        measure_adapters(base, {"base": None}, prepared, few)


def test_perplexity_is_that_of_training(base, adapter, prepared, options):
    found = measure_adapters(base, {"base": None, "tuned": adapter}, prepared, options)
    side = losses(base, adapter, prepared, Side.TEST)
    values = [variant.values["perplexity"].value for variant in found.variants]
    assert values == pytest.approx([side.base.perplexity, side.tuned.perplexity], rel=1e-3)
    assert "tuned" in side.lines()[2]


def test_losses_say_how_many_rows_were_left_out():
    loss = ReplyLoss(total=20.0, tokens=10)
    lines = SideLosses(Side.TEST, 3, 2, loss, loss).lines()
    assert lines[0] == "test: 3 rows, 10 reply tokens; 2 more rows left out as too long"
    assert "left out" not in SideLosses(Side.TEST, 3, 0, loss, loss).lines()[0]


def test_losses_by_row_add_up_and_an_adapter_leaves_no_trace(base, adapter, prepared):
    model, tokenizer = load_quantised(base, compute_dtype=compute_dtype(), trainable=True)
    rows = encode(read_side(prepared, Side.TEST), PromptRenderer(tokenizer), 512).rows
    whole = measure(model, rows, Padded(4))
    variants = {"base": None, "tuned": adapter, "again": None}
    found = losses_by_row(model, variants, rows, lambda *_: None)
    assert found["base"].sum(axis=0) == pytest.approx([whole.total, whole.tokens], rel=1e-4)
    assert np.array_equal(found["base"], found["again"])
    assert not np.allclose(found["base"], found["tuned"])


def test_the_prompt_is_no_part_of_an_answer(base, prepared, options):
    found = measure_adapters(base, {"base": None}, prepared, options)
    for asked in (*found.test, *found.prompts):
        said = asked.answers["base"]
        assert said.tokens <= SAMPLING.max_tokens
        assert asked.turns[-1].content not in said.text
        assert "<|im_start|>" not in said.text


def test_the_same_seed_gives_the_same_report_whoever_else_is_asked(
    base, adapter, prepared, options
):
    first = measure_adapters(base, {"base": None, "tuned": adapter}, prepared, options)
    again = measure_adapters(base, {"base": None, "tuned": adapter}, prepared, options)
    same = {"created": first.created}
    assert again.model_copy(update=same) == first
    alone = measure_adapters(base, {"base": None}, prepared, options)
    assert answers(alone, "base") == answers(first, "base")
    other = EvaluationOptions(SAMPLING.model_copy(update={"seed": 1}), options.prompts, draws=50)
    assert answers(measure_adapters(base, {"base": None}, prepared, other), "base") != (
        answers(first, "base")
    )


def test_every_question_has_a_seed_of_its_own(base, prepared, options):
    prompts = '{"id": "a", "prompt": "hello there"}\n{"id": "b", "prompt": "hello there"}\n'
    options.prompts.write_text(prompts)
    found = measure_adapters(base, {"base": None}, prepared, options)
    first, second = (asked.answers["base"].text for asked in found.prompts)
    assert first != second


def test_fewer_rows_and_a_word_list(base, prepared, options, tmp_path):
    listed = tmp_path / "words.txt"
    listed.write_text("great\nawful\n")
    wanted = EvaluationOptions(SAMPLING, options.prompts, limit=2, word_list=listed, draws=20)
    found = measure_adapters(base, {"base": None}, prepared, wanted)
    assert found.data.rows == 2
    assert found.variants[0].values["listed"].value == 0
    assert found.replies["listed"].value == 1  # every reply says great or awful
    assert found.replies["words"].value > 0


def test_rows_too_long_for_the_model_are_left_out_and_counted(base, prepared, options):
    path = prepared / "test.jsonl"
    long = json.dumps({"comment": "a long comment " * 300, "reply": "soup soup"})
    path.write_text(path.read_text() + long + "\n")
    found = measure_adapters(base, {"base": None}, prepared, options)
    assert found.data.left_out == 1
    assert table(found).title == rows_used(found.data)
    assert "1 more left out as too long" in rows_used(found.data)
    path.write_text(long + "\n")
    with pytest.raises(PreparedDataError, match="fit into 512 tokens"):
        measure_adapters(base, {"base": None}, prepared, options)


def test_a_row_that_the_template_refuses_is_named(prepared, options, tmp_path):
    folder = make_tiny(tmp_path / "mistral", tokenizer=chat_tokenizer("mistral_v3"))
    base = resolve_base(str(folder), tmp_path, lambda *_: None)
    path = prepared / "test.jsonl"
    greeted = {"role": "assistant", "content": "ahoy"}
    row = {"comment": "and soup", "reply": "no", "before": [greeted]}
    path.write_text(path.read_text() + json.dumps(row) + "\n")
    number = len(read_side(prepared, Side.TEST))
    with pytest.raises(PreparedDataError, match="must alternate") as refused:
        measure_adapters(base, {"base": None}, prepared, options)
    assert str(refused.value).startswith(f"{path}, row {number}: ")


def test_test_rows_that_were_in_training_are_refused(base, prepared, options):
    rows = (prepared / "test.jsonl").read_text()
    (prepared / "train.jsonl").write_text((prepared / "train.jsonl").read_text() + rows)
    with pytest.raises(EvaluationError, match="were trained on"):
        measure_adapters(base, {"base": None}, prepared, options)


def test_what_cannot_be_measured_is_one_line(base, adapter, prepared, options, tmp_path):
    with pytest.raises(PreparedDataError, match=r"none/card\.json cannot be read"):
        measure_adapters(base, {"base": None}, tmp_path / "none", options)
    (tmp_path / "empty").mkdir()
    with pytest.raises(AdapterError, match="adapter_model"):
        measure_adapters(base, {"base": None, "a": tmp_path / "empty"}, prepared, options)
