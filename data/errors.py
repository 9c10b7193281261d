"""What can go wrong in the store and the data sets, grouped by what a caller would do.

The text of each error is one line that names the file and says what to do: programs print it.
"""


class DataError(Exception):
    """Root of everything this package raises on purpose."""


class StoreError(DataError):
    """The database could not be opened, read or written; the disk may be full, say."""


class StoreLocked(StoreError):
    """Another program held the database for longer than we wait; trying again may help."""


class StoreReadOnly(StoreError):
    """The database or its folder cannot be written to."""


class StoreTooNew(StoreError):
    """A newer version of the program wrote the database; this one must not touch it."""


class StoreDamaged(StoreError):
    """The database file is damaged. It has not been written to, so that it can be rescued."""


class StoreConflict(StoreError):
    """The change does not fit what is stored, such as ending a request that has ended."""


class DatasetError(DataError):
    """A data-set file cannot be read, or one of its lines is not what it should be."""


class OutputRefused(DataError):
    """A command may not write there: it would change or remove what it did not write itself."""
