"""`python -m training voice`: train the classifiers of disclaimers and positions anew."""

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from training.cli.command import TrainingCommand

if TYPE_CHECKING:
    from training.evaluate.voice.labelled import Accuracy


def add_arguments(parser: ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument(
        "--out", type=Path, metavar="FILE.safetensors", help="also write the weights to this file"
    )
    parser.add_argument(
        "--states-out",
        type=Path,
        metavar="FILE.safetensors",
        help="also train the classifier of words and the demo model's hidden states, into this "
        "file: some minutes",
    )


def run(options: Namespace, home: Path) -> None:
    """Train, print how often it is right on wording that it has not seen, and write the weights."""
    from training.cli.terminal import say, show
    from training.evaluate.voice.classifier import Label, check_weights, load
    from training.evaluate.voice.fit import train_classifier
    from training.evaluate.voice.labelled import LabelledSide, accuracy, read_sentences
    from training.evaluate.voice.state_classifier import load_with_states

    if options.out is not None:
        check_weights(options.out, load)
    if options.states_out is not None:
        check_weights(options.states_out, load_with_states)
    say("training the classifier")
    classifier = train_classifier()
    labelled = read_sentences()
    for side in LabelledSide:
        sentences = [one for one in labelled if one.side is side]
        for label in Label:
            show(f"{side}: {label} {_shown(accuracy(label, sentences, classifier))}")
    if options.out is not None:
        classifier.save(options.out)
        show(f"wrote {options.out}")
    if options.states_out is not None:
        _train_with_states(options.states_out, home)


def _train_with_states(out: Path, home: Path) -> None:
    from training.cli.terminal import say, show, stage_progress
    from training.evaluate.voice.classifier import Label
    from training.evaluate.voice.fit import train_with_states
    from training.evaluate.voice.labelled import LabelledSide
    from training.evaluate.voice.states import StateReader

    reader = StateReader.open(home, lambda stage, _: say(stage))
    with stage_progress() as progress:
        classifier = train_with_states(
            reader, lambda done, total: progress("reading the sentences", done, total)
        )
    for side in LabelledSide:
        if side is not LabelledSide.TRAIN:
            for label in Label:
                found = _shown(classifier.accuracy(label, side))
                show(f"with hidden states, {side}: {label} {found}")
    classifier.save(out)
    show(f"wrote {out}")


def _shown(found: "Accuracy") -> str:
    return f"precision {found.precision:.3f}, recall {found.recall:.3f} on {found.total} sentences"


VOICE = TrainingCommand(
    "voice",
    "train the classifiers of disclaimers and positions from their labelled sentences",
    add_arguments,
    run,
)
