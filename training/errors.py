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
