"""Batched generation without a server: whole answers, in order, by seed, nothing of the prompt."""

import json

import pytest

from model.engine.api import FinishReason
from model.engine.engine import TokenEngine
from model.errors import ContextLengthExceeded, UnknownModel
from model.loading.base import resolve_base
from model.offline import OfflineModel, OfflineRequest
from model.sampling import SamplingParams
from model.text.codec import ChatTurn
from tests.fakes.tiny_model import make_adapter, make_tiny, tiny_tokenizer

PARAMS = SamplingParams(max_tokens=12, temperature=0.9)


def ask(text, variant="base", seed=0, **changes):
    params = PARAMS.model_copy(update={"seed": seed, **changes})
    return OfflineRequest((ChatTurn("user", text),), variant, params)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_tiny(tmp_path_factory.mktemp("offline") / "tiny")


def open_model(folder, adapters=None, **options):
    base = resolve_base(str(folder), folder.parent, lambda *_: None)
    return OfflineModel.open(base, adapters or {}, lambda *_: None, **options)


@pytest.fixture(scope="module")
def model(folder):
    adapter = make_adapter(folder, folder.parent / "adapter")
    return open_model(folder, {"tuned": adapter}, max_running=3)


def test_more_prompts_than_places_are_all_answered_in_order(model):
    done = []
    requests = [ask(f"hello {i}", seed=i) for i in range(10)]
    answers = model.generate(requests, lambda: done.append(1))
    assert len(answers) == len(done) == 10
    alone = [model.generate([request])[0] for request in requests]
    assert [answer.prompt_tokens for answer in answers] == [a.prompt_tokens for a in alone]


def test_the_seed_decides(model):
    requests = [ask("hello", seed=seed) for seed in (1, 1, 2)]
    first, same, other = (answer.text for answer in model.generate(requests))
    assert first == same != other
    assert [answer.text for answer in model.generate(requests)] == [first, same, other]


def test_base_and_adapter_answer_from_one_engine(model):
    base, tuned = model.generate([ask("hello", v, temperature=0) for v in ("base", "tuned")])
    assert base.text != tuned.text
    assert model.variants == ("base", "tuned")
    assert model.hashes.keys() == {"tuned"}


def test_the_prompt_is_no_part_of_the_answer(model):
    (answer,) = model.generate([ask("zebra zebra zebra", temperature=0)])
    assert answer.completion_tokens <= PARAMS.max_tokens < answer.prompt_tokens
    assert "zebra zebra" not in answer.text
    assert "<|im_start|>" not in answer.text


def test_an_answer_ends_at_the_end_token_and_does_not_show_it(folder, tmp_path):
    plain = open_model(folder).generate([ask("hello", temperature=0)])[0]
    assert plain.finish_reason is FinishReason.LENGTH
    assert plain.completion_tokens == PARAMS.max_tokens
    ids = tiny_tokenizer()(plain.text, add_special_tokens=False)["input_ids"]
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    settings = json.loads((tmp_path / "generation_config.json").read_text())
    (tmp_path / "generation_config.json").write_text(
        json.dumps(settings | {"eos_token_id": [2, ids[-1]]})
    )
    ended = open_model(tmp_path).generate([ask("hello", temperature=0)])[0]
    assert ended.finish_reason is FinishReason.STOP
    assert ended.completion_tokens < PARAMS.max_tokens
    assert plain.text.startswith(ended.text)


def test_what_does_not_fit_is_said_before_anything_is_generated(model):
    done = []
    long = ask("word " * 600)
    with pytest.raises(ContextLengthExceeded):
        model.generate([ask("hello"), long], lambda: done.append(1))
    with pytest.raises(UnknownModel):
        model.generate([ask("hello"), ask("hello", "nobody")], lambda: done.append(1))
    assert not done
    assert len(model.generate([ask("hello")])) == 1


def test_an_unfinished_character_at_the_end_is_shown(model):
    # A random model over bytes often stops within a character.
    answers = model.generate([ask("hello", seed=seed) for seed in range(20)])
    assert any(answer.text.endswith("\ufffd") for answer in answers)


def test_the_engine_is_empty_again_after_an_interruption(model, monkeypatch):
    steps = []
    step = TokenEngine.step

    def interrupt():
        steps.clear()
        raise KeyboardInterrupt

    monkeypatch.setattr(TokenEngine, "step", lambda engine: steps.append(1) or step(engine))
    requests = [ask(f"hello {i}", temperature=0) for i in range(5)]
    with pytest.raises(KeyboardInterrupt):
        model.generate(requests, interrupt)
    assert len(steps) == 1  # nothing went on being generated
    assert len(model.generate(requests)) == 5


def test_the_environment_changes_nothing(folder, model, monkeypatch):
    monkeypatch.setenv("MAX_CONTEXT", "16")
    monkeypatch.setenv("MAX_RUNNING", "nonsense")
    again = open_model(folder, max_running=3).generate([ask("hello", temperature=0)])
    assert again == model.generate([ask("hello", temperature=0)])
