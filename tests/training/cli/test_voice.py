"""`python -m training voice`: what it prints and writes."""

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
