"""`python -m training merge`: an adapter and its base as one ordinary 16-bit model."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from training.cli.command import TrainingCommand

_GGUF = (
    "The folder loads with transformers, vLLM and BASE_MODEL. For a GGUF file, run llama.cpp's own "
    "converter on it (the gguf package does not bring it): "
    "python convert_hf_to_gguf.py DIR --outtype f16"
)


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.epilog = _GGUF
    parser.add_argument("--adapter", type=Path, required=True, help="its folder")
    parser.add_argument("--base", default="demo", help="demo, a folder or a hub id (demo)")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to make")


def run(options: Namespace, home: Path) -> None:
    """Merge and say what was made."""
    from training.cli.terminal import find_base, say, show
    from training.ship.merge import merge

    merged = merge(find_base(options.base, home), options.adapter, options.out, say)
    size = merged.size / 1e6
    show(f"{merged.folder}: {merged.changed} matrices changed, {size:.0f} MB of weights")


MERGE = TrainingCommand(
    "merge", "merge an adapter into its base: one 16-bit model", add_arguments, run
)
