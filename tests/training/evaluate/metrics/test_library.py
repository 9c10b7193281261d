"""`evaluate` without the hub and without its cache."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from training.evaluate.metrics.bleu import CorpusBleu
from training.evaluate.metrics.library import compute

ROOT = Path(__file__).resolve().parents[4]


def test_nothing_is_asked_of_the_network(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert compute(CorpusBleu, ["a b c d"], ["a b c d"])["bleu"] == pytest.approx(100)


def test_nothing_is_left_in_the_persons_home(tmp_path):
    program = (
        "from training.evaluate.metrics.library import compute\n"
        "from training.evaluate.metrics.bleu import CorpusBleu\n"
        "from training.evaluate.metrics.rouge import Rouge\n"
        "print(compute(CorpusBleu, ['a b c d'], ['a b c d'])['bleu'])\n"
        "print(compute(Rouge, ['a b c d'], ['a b c d'])['rouge1_f1'])\n"
    )
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "XDG_"))}
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**kept, "HOME": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert [float(line) for line in done.stdout.split()] == [pytest.approx(100), 1.0]
    left = [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")]
    assert not [path for path in left if "metrics" in path or (tmp_path / path).is_file()], left


def test_as_many_references_as_predictions_are_wanted():
    with pytest.raises(ValueError, match="Mismatch"):
        compute(CorpusBleu, ["a", "b"], ["a"])
