"""What can go wrong between a file of pairs and an adapter; each text is one line for a person."""


class TrainingError(Exception):
    """Root of everything this package raises on purpose."""


class PreparationError(TrainingError):
    """The pairs cannot become a data set: too few are left, or the folder cannot be written."""


class RecipeError(TrainingError):
    """The recipe file is missing, is no TOML, or has a key or value that is not allowed."""


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
    """The loss is no number any more."""


class EvaluationError(TrainingError):
    """Adapters cannot be compared: a test row was trained on, or a file or name is not usable."""


class RegistryError(TrainingError):
    """The registry of promoted adapters cannot be written, or has nothing to go back to."""


class MergeError(TrainingError):
    """An adapter cannot be merged into this base, or the folder cannot be written."""
