"""`python -m training voice`: train the classifier of disclaimers and positions anew."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from training.cli.command import TrainingCommand


def add_arguments(parser: ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument(
        "--out", type=Path, metavar="FILE.safetensors", help="also write the weights to this file"
    )


def run(options: Namespace, home: Path) -> None:
    """Train, print how often it is right on wording that it has not seen, and write the weights."""
    from training.cli.terminal import say, show
    from training.evaluate.voice.classifier import check_weights
    from training.evaluate.voice.fit import train_classifier
    from training.evaluate.voice.labelled import LabelledSide, accuracy, read_sentences

    del home
    if options.out is not None:
        check_weights(options.out)
    say("training the classifier")
    classifier = train_classifier()
    labelled = read_sentences()
    for side in LabelledSide:
        sentences = [one for one in labelled if one.side is side]
        for label in classifier.linears:
            found = accuracy(label, sentences, classifier)
            show(
                f"{side}: {label} precision {found.precision:.3f}, recall {found.recall:.3f} "
                f"on {found.total} sentences"
            )
    if options.out is not None:
        classifier.save(options.out)
        show(f"wrote {options.out}")


VOICE = TrainingCommand(
    "voice",
    "train the classifier of disclaimers and positions from its labelled sentences",
    add_arguments,
    run,
)
