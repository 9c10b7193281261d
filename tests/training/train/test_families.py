"""Every kind of base that is served can be trained and merged into; others are refused."""

import json
from dataclasses import replace

import pytest
import torch

from model.errors import UnsupportedArchitecture
from model.loading.base import resolve_base
from model.loading.quantised import check_architecture
from tests.fakes.tiny_model import make_tiny
from tests.model.runner.parity import greedy, make_pair, run
from training.ship.merge import merge
from training.train.train import train

PROMPT = [5, 9, 80, 33]


def quiet(*_: object) -> None:
    """For what is of no interest here."""


@pytest.fixture(params=["mistral", "qwen2"])
def other_base(request, tmp_path):
    folder = make_tiny(tmp_path / request.param, family=request.param)
    return resolve_base(str(folder), folder, quiet)


def test_what_is_trained_answers_as_peft_says_and_can_be_merged(job, other_base, tmp_path):
    job = replace(job, base=other_base)
    manifest = train(job, quiet)
    assert manifest.figures["validation_loss"] < manifest.figures["base_validation_loss"]
    pair = make_pair(other_base, {"tuned": job.out})
    expected = pair.generate(PROMPT, "tuned", 24)
    assert expected != pair.generate(PROMPT, "base", 24)
    assert run(pair.engine, {0: [greedy("a", PROMPT, "tuned", 24)]})["a"] == expected
    merged = merge(other_base, job.out, tmp_path / "merged", quiet, torch.float32)
    assert merged.changed == 14
    assert check_architecture(resolve_base(str(merged.folder), merged.folder, quiet))


def test_a_base_that_is_not_served_is_not_trained(job, base, tmp_path):
    folder = tmp_path / "gemma"
    folder.mkdir()
    config = json.loads((base.folder / "config.json").read_text())
    config |= {"architectures": ["Gemma2ForCausalLM"], "model_type": "gemma2"}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(UnsupportedArchitecture, match=r"gemma is a Gemma2ForCausalLM.*Qwen 2\.5"):
        train(replace(job, base=replace(base, id="gemma", folder=folder)), quiet)
    assert not job.out.exists()
