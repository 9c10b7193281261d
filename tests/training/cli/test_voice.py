"""`python -m training voice`: what it prints and writes."""

import pytest

from data.errors import OutputRefused
from training.__main__ import main
from training.evaluate.voice.classifier import Label, load, shipped
from training.evaluate.voice.labelled import read_sentences


def test_it_prints_the_accuracy_and_writes_the_shipped_classifier(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("FUNGPT_HOME", str(tmp_path))
    path = tmp_path / "classifier.safetensors"
    assert main(["voice", "--out", str(path)]) == 0
    printed = capsys.readouterr().out
    for side in ("train", "test", "earlier", "fresh"):
        assert (
            f"{side}: position precision 0." in printed
            or f"{side}: position precision 1." in printed
        )
    anew = load(path)
    assert anew.train_sha256 == shipped().train_sha256
    texts = [one.text for one in read_sentences()]
    for label in Label:
        # Sums round differently on other processors: a text on the very threshold may turn.
        assert sum(anew.has(label, text) != shipped().has(label, text) for text in texts) <= 3


@pytest.mark.parametrize("content", [b"precious", b"", b"\x08" + bytes(7) + b"{}      "])
def test_a_file_that_is_no_classifier_is_refused_and_kept(tmp_path, capsys, content):
    path = tmp_path / "notes.safetensors"
    path.write_bytes(content)
    assert main(["voice", "--out", str(path)]) == 1
    assert "exists and is not what `python -m training voice` wrote" in capsys.readouterr().err
    assert path.read_bytes() == content
    with pytest.raises(OutputRefused):
        shipped().save(path)


def test_an_earlier_classifier_is_replaced(tmp_path):
    path = tmp_path / "weights.safetensors"
    for _ in range(2):
        shipped().save(path)
        assert load(path).train_sha256 == shipped().train_sha256
    assert [one.name for one in tmp_path.iterdir()] == [path.name]
