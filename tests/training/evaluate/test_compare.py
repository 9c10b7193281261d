"""Asking both variants, and the page that shows their answers."""

import pytest

from model.loading.quantised import load_quantised
from tests.fakes.tiny_model import make_adapter
from training.artifacts.adapter import apply_adapter
from training.evaluate.answers import Decoding, answer_all
from training.evaluate.compare import AnswerPair, Comparison, Counts, compare, page
from training.evaluate.voice.judge import ByWords
from training.train.train import train

GREEDY = Decoding(max_tokens=8)


@pytest.fixture(scope="module")
def adapter(base, tmp_path_factory):
    return make_adapter(base.folder, tmp_path_factory.mktemp("adapter"))


@pytest.fixture
def prompts(tmp_path):
    path = tmp_path / "prompts.jsonl"
    path.write_text('{"id": "a", "prompt": "hello"}\n{"id": "b", "prompt": "why soup there"}\n')
    return path


def test_base_and_adapter_answer_differently_and_always_the_same(base, adapter, prompts):
    first = compare(base, adapter, prompts, [GREEDY])
    assert first == compare(base, adapter, prompts, [GREEDY])
    (comparison,) = first
    assert [each.prompt for each in comparison.answered] == ["hello", "why soup there"]
    assert any(each.base != each.tuned for each in comparison.answered)


def test_a_batch_answers_as_each_prompt_alone(base, adapter):
    import torch

    model, tokenizer = load_quantised(base, compute_dtype=torch.float32, trainable=True)
    model = apply_adapter(model, adapter)
    asked = ["hello", "a much longer prompt about opinion", "why"]
    together = answer_all(model, tokenizer, asked, GREEDY)
    alone = [answer_all(model, tokenizer, [prompt], GREEDY)[0] for prompt in asked]
    assert together == alone


def test_sampling_is_fixed_by_its_seed(base, adapter, prompts):
    def sampled(seed):
        way = Decoding(max_tokens=8, temperature=1.0, top_p=0.9, seed=seed)
        return compare(base, adapter, prompts, [way])[0].answered

    assert sampled(1) == sampled(1) != sampled(2)


def test_decoding_is_written_out():
    assert str(GREEDY) == "greedy, repetition penalty 1, at most 8 tokens"
    assert str(Decoding(temperature=0.5, top_p=0.9, seed=3)).startswith(
        "temperature 0.5, top_p 0.9, seed 3"
    )


def test_counts():
    counts = Counts.of(
        ["Yes, soup is best.", "As an AI, I have none.", "It depends on the day."], ByWords()
    )
    assert counts == Counts(answers=3, positions=1, without_disclaimer=2, words=15 / 3)


def test_the_page_shows_answers_counts_and_how_it_was_made(job, monkeypatch):
    train(job, lambda line: None)
    rows = (AnswerPair("a | b?", "As an AI, I cannot say.", "Yes.\nI <love> it."),)
    text = page([Comparison(GREEDY, rows, ByWords())], job.out)
    assert "| As an AI, I cannot say. | Yes.<br>I &lt;love> it. |" in text
    assert "### a | b?" in text
    assert "| greedy, repetition penalty 1, at most 8 tokens | base | 0 of 1 | 0 of 1 | 6 |" in text
    assert "| tuned | 1 of 1 | 1 of 1 | 4 |" in text
    assert "Validation loss per reply token" in text


def test_a_page_without_manifest_says_nothing_of_it(tmp_path):
    rows = (AnswerPair("x", "", "y"),)
    text = page([Comparison(GREEDY, rows, ByWords())], tmp_path)
    assert "(nothing)" in text
    assert "Validation" not in text
