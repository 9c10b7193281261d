"""What can go wrong in the store and the data sets, grouped by what a caller would do.

The text of each is one line that names the file and says what to do; programs print it as it is.
"""


class DataError(Exception):
    """Root of everything this package raises on purpose."""


class StoreError(DataError):
    """The database could not be opened, read or written (disk full, I/O error, no folder)."""


class StoreLocked(StoreError):
    """Another program held the database for longer than the busy time; trying again may help."""


class StoreReadOnly(StoreError):
    """The database or its folder cannot be written to."""


class StoreTooNew(StoreError):
    """A newer version of the program wrote the database; this one must not touch it."""


class StoreDamaged(StoreError):
    """The file is no sound database of ours; it is left as it is, for rescue or a backup."""


class StoreConflict(StoreError):
    """The change does not fit what is stored, such as ending a request that has ended."""


class DatasetError(DataError):
    """A data-set file is missing, or one of its lines is not what it should be."""
