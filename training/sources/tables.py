"""Parquet and Arrow files, dataset folders, and data sets of the Hugging Face hub.

The library `datasets` reads them. It takes a second to import, so it is imported only when one of
them is read. Rows come in batches, so memory does not grow with the data.
"""

import logging
import re
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from data.errors import DatasetError
from training.sources.objects import Placed

if TYPE_CHECKING:
    from datasets import Dataset, IterableDataset

_BATCH = 1_000
_HUB_LIMIT_S = 20.0
_HUB_NAME = re.compile(r"\w[\w.-]*/\w[\w.-]*(?:@\w[\w.-]*)?")
# What may lie in a folder and be data, and files of such names that only describe it.
_DATA = re.compile(
    r"\.(csv|tsv|json|jsonl|ndjson|parquet|arrow)(\.(gz|bz2|xz|zst))?$", re.IGNORECASE
)
_ABOUT = frozenset({"dataset_info.json", "dataset_infos.json", "card.json", "index.json"})
# The first bytes of Parquet, of Arrow's file format and of its stream format.
_MARKS = ((b"PAR1", "parquet"), (b"ARROW1", "arrow"), (b"\xff\xff\xff\xff", "arrow"))
# Files that only `save_to_disk` writes.
_SAVED = ("dataset_dict.json", "state.json")


@dataclass(frozen=True, slots=True)
class HubDataset:
    """A data set of the hub at one commit."""

    id: str
    commit: str


def is_hub_name(name: str) -> bool:
    """Whether a text can name a data set of the hub: `owner/name`, or `owner/name@revision`."""
    return _HUB_NAME.fullmatch(name) is not None


def find_on_hub(name: str) -> HubDataset:
    """Look up `owner/name` or `owner/name@revision` on the hub.

    Raises DatasetError, one line, if the hub cannot be reached or does not give it.
    """
    from httpx2 import HTTPError
    from huggingface_hub import HfApi

    id_, _, revision = name.partition("@")
    try:
        found = HfApi().dataset_info(id_, revision=revision or None, timeout=_HUB_LIMIT_S)
    except (OSError, ValueError, HTTPError) as error:
        raise DatasetError(
            f"{name} is no file or folder here, and the hub does not give it ({_line(error)})"
        ) from error
    if found.sha is None:
        raise DatasetError(f"{name}: the hub does not say which commit this is")
    return HubDataset(id_, found.sha)


def table_rows(path: Path, kind: str, scratch: Path) -> Iterator[Placed]:
    """The rows of a file, `kind` "parquet" or "arrow", with places such as "row 3".

    Raises DatasetError naming the file.
    """
    if not path.is_file():
        raise DatasetError(f"{path} cannot be read (it is no file)")
    return _stream(str(path), kind, scratch, data_files=str(path))


def folder_rows(path: Path, scratch: Path) -> Iterator[Placed]:
    """The rows of all splits of a folder that `save_to_disk` wrote or that holds data files.

    Their places are "row 3", or "train row 3" if there are several splits. Raises DatasetError
    naming the folder, also if it holds data files that the library would not read.
    """
    if any((path / name).is_file() for name in _SAVED):
        return _saved(path)
    _refuse_unread(path, scratch)
    return _stream(str(path), str(path), scratch)


def _refuse_unread(path: Path, scratch: Path) -> None:
    """The library reads files of one kind, and if a name tells a split only such ones."""
    with _one_line_errors(str(path)):
        from datasets import load_dataset_builder

        builder = load_dataset_builder(str(path), cache_dir=str(scratch))
        chosen = cast("Mapping[str, list[str]]", builder.config.data_files or {})
    read = {Path(file).resolve() for files in chosen.values() for file in files}
    if left := sorted(
        str(f.relative_to(path)) for f in _data_files(path) if f.resolve() not in read
    ):
        more = f" and {len(left) - 3} more" if len(left) > 3 else ""
        raise DatasetError(
            f"{path} holds files of several kinds or names, and {', '.join(left[:3])}{more} would "
            "not be read: name the files themselves instead of the folder"
        )


def _data_files(path: Path) -> Iterator[Path]:
    for file in path.rglob("*"):
        parts = file.relative_to(path).parts
        if any(part.startswith((".", "__")) for part in parts) or file.name in _ABOUT:
            continue
        if _DATA.search(file.name) and file.is_file():
            yield file


def hub_rows(found: HubDataset, scratch: Path, first: int | None = None) -> Iterator[Placed]:
    """The rows of all splits of a data set of the hub, placed as those of a folder.

    With `first`, only so many of each split. Raises DatasetError naming the data set.
    """
    where = f"{found.id}@{found.commit}"
    return _stream(where, found.id, scratch, revision=found.commit, first=first)


def table_kind(start: bytes) -> str | None:
    """What a file with these first bytes is, "parquet" or "arrow"; None if it is neither."""
    return next((kind for mark, kind in _MARKS if start.startswith(mark)), None)


def _stream(
    where: str,
    source: str,
    scratch: Path,
    *,
    data_files: str | None = None,
    revision: str | None = None,
    first: int | None = None,
) -> Iterator[Placed]:
    with _one_line_errors(where):
        from datasets import load_dataset

        splits = load_dataset(
            source,
            streaming=True,
            data_files=data_files,
            revision=revision,
            cache_dir=str(scratch),
        )
        yield from _rows(cast("Mapping[str, IterableDataset]", splits), first)


def _saved(path: Path) -> Iterator[Placed]:
    with _one_line_errors(str(path)):
        from datasets import DatasetDict, load_from_disk

        found = load_from_disk(str(path))
        splits = cast(
            "dict[str, Dataset]", found if isinstance(found, DatasetDict) else {"": found}
        )
        yield from _rows(splits)


def _rows(
    splits: "Mapping[str, Dataset] | Mapping[str, IterableDataset]", first: int | None = None
) -> Iterator[Placed]:
    for split, rows in splits.items():
        prefix = f"{split} " if len(splits) > 1 else ""
        number = 0
        chosen = cast("Any", rows if first is None else rows.take(first))
        # As Arrow tables: pictures and sound beside the texts are not decoded.
        for batch in chosen.with_format("arrow").iter(batch_size=_BATCH):
            for row in cast("list[dict[str, Any]]", batch.to_pylist()):
                number += 1
                yield f"{prefix}row {number}", row


@contextmanager
def _one_line_errors(where: str) -> Generator[None]:
    """Turn the errors of the libraries below into one DatasetError that names the source."""
    from datasets.exceptions import DatasetsError
    from datasets.utils.logging import set_verbosity
    from httpx2 import HTTPError
    from pyarrow import ArrowException

    set_verbosity(logging.CRITICAL)  # what it logs is in the error, too
    try:
        yield
    except (OSError, ValueError, HTTPError, ArrowException, DatasetsError) as error:
        raise DatasetError(f"{where} cannot be read ({_line(error)})") from error


def _line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
