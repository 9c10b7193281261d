"""The errors of this package. The text of each is one line for the person who called."""

from collections.abc import Mapping
from pathlib import Path


class TrainingError(Exception):
    """The base class of all errors of this package."""


class PreparationError(TrainingError):
    """The pairs cannot be prepared: too few are left, or the folder cannot be written."""


class RecipeError(TrainingError):
    """The recipe file is missing, is not TOML, or has a key or value that is not allowed."""


class PreparedDataError(TrainingError):
    """The prepared folder is missing, incomplete or not what its card says."""


class AdapterError(TrainingError):
    """An adapter cannot be read, written or applied to this base."""


class CheckpointError(TrainingError):
    """A checkpoint cannot be written or read; the one before it, if any, is untouched."""


class OtherJobError(TrainingError):
    """The work folder holds the unfinished training of something else."""


class OutOfMemory(TrainingError):
    """The memory is too small for this recipe; the line says what to lower."""


class Diverged(TrainingError):
    """The loss is not a finite number any more."""


class NotBetter(TrainingError):
    """No adapter of a training is better than what it began with; none is kept.

    `figures` are those that the adapter's manifest would have, and `folder` keeps the file of
    figures and the curve.
    """

    def __init__(self, line: str, figures: Mapping[str, float], folder: Path) -> None:
        super().__init__(line)
        self.figures, self.folder = figures, folder


class EvaluationError(TrainingError):
    """Adapters cannot be measured: a test row was trained on, or an argument is not allowed."""


class RegistryError(TrainingError):
    """The registry of promoted adapters cannot be written, or holds no promotion to go back to."""


class MergeError(TrainingError):
    """An adapter cannot be merged into this base, or the folder cannot be written."""
