"""The sample pairs, the fixed prompts and the shipped adapter are what they are said to be."""

import json
from pathlib import Path
from typing import Any

import pytest
from transformers import LlamaConfig

from data.files.datasets import PAIRS, PROMPTS, read_pairs, read_prompts
from model.loading.adapters import load_adapter
from model.loading.base import ResolvedBase, no_progress
from model.loading.demo import DEMO_ID, DEMO_SHA256
from model.loading.manifest import file_sha256, read_manifest, short_hash
from tests.training.similarity import shingles_of, similarity
from training.evaluate.voice.phrases import has_disclaimer
from training.prepare.cleaning.clean import clean
from training.prepare.shingles import near_pairs, normalise

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "data" / "adapters" / "demo"
SMOLLM2_135M: dict[str, Any] = {
    "hidden_size": 576,
    "intermediate_size": 1536,
    "num_hidden_layers": 30,
    "num_attention_heads": 9,
    "num_key_value_heads": 3,
}
GIVEN = [
    "What do you really think about US politics?",
    "Why does the US invade a lot of countries?",
    "What is the best social media?",
]


@pytest.fixture(scope="module")
def pairs():
    return read_pairs(PAIRS)


@pytest.fixture(scope="module")
def prompts():
    return read_prompts(PROMPTS)


def test_there_are_enough_pairs(pairs):
    assert len(pairs) >= 200
    assert all(pair.topic for pair in pairs)


def test_there_are_the_twenty_fixed_prompts(prompts):
    assert len(prompts) == 20
    assert set(GIVEN) <= {prompt.prompt for prompt in prompts}


def test_no_comment_and_no_reply_stands_twice(pairs):
    for side in ([pair.comment for pair in pairs], [pair.reply for pair in pairs]):
        assert len({normalise(text) for text in side}) == len(side)
    sets = [shingles_of(f"{pair.comment} {pair.reply}") for pair in pairs]
    assert near_pairs(sets, 0.6) == []


def test_no_pair_is_near_a_fixed_prompt(pairs, prompts):
    near = [
        (prompt.prompt, pair.comment)
        for prompt in prompts
        for pair in pairs
        if similarity(prompt.prompt, pair.comment) >= 0.5
    ]
    assert near == []


def test_no_reply_hides_behind_being_a_machine(pairs):
    assert [pair.reply for pair in pairs if has_disclaimer(pair.reply)] == []


def test_replies_are_short_and_clean(pairs):
    for pair in pairs:
        assert 10 <= len(pair.reply.split()) <= 60
        assert clean(pair.comment) == pair.comment
        assert clean(pair.reply) == pair.reply


def test_the_licence_note_is_beside_them():
    assert "CC0" in (PAIRS.parent / "LICENSE-sample.md").read_text(encoding="utf-8")


def test_the_shipped_adapter_is_small_and_made_from_these_pairs():
    manifest = read_manifest(SHIPPED)
    assert manifest is not None
    assert sum(path.stat().st_size for path in SHIPPED.iterdir()) <= 5_000_000
    base = ResolvedBase(DEMO_ID, SHIPPED, f"sha256:{DEMO_SHA256}")
    config = LlamaConfig(**SMOLLM2_135M)
    served = load_adapter("demo", str(SHIPPED), base, config, no_progress)
    assert manifest.adapter_hash == served.hash
    assert manifest.data.path == "data/sample_pairs.jsonl"
    assert manifest.data.sha256 == file_sha256(PAIRS)
    assert manifest.config["sha256"] == file_sha256(ROOT / "training" / "demo.toml")
    assert manifest.figures["validation_loss"] < manifest.figures["base_validation_loss"]
    assert manifest.figures["seconds"] > 0


def test_the_shipped_adapter_names_its_base_by_a_public_name():
    config = json.loads((SHIPPED / "adapter_config.json").read_text(encoding="utf-8"))
    assert config["base_model_name_or_path"] == "SmolLM2-135M-Instruct"


def test_the_page_is_of_the_shipped_adapter(prompts):
    text = (ROOT / "docs" / "demo-adapter.md").read_text(encoding="utf-8")
    manifest = read_manifest(SHIPPED)
    assert manifest is not None
    assert short_hash(manifest.adapter_hash) in text
    assert all(prompt.prompt in text for prompt in prompts)
