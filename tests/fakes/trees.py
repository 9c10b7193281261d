"""Random trees of files as people have them, and pictures of a tree to compare it with later."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISDIR, S_ISLNK, S_ISREG

from hypothesis import strategies as st

Planted = Mapping[str, str | None]  # a path's text; None: an empty folder


@dataclass(frozen=True)
class Entry:
    """A file, link or folder: its mode, and its text, or where it points."""

    mode: int
    text: str

    @property
    def is_folder(self) -> bool:
        return S_ISDIR(self.mode)


class Tree(dict[str, Entry]):
    """Everything under a folder, by its path."""

    @classmethod
    def of(cls, folder: Path) -> "Tree":
        """Take a picture of a folder; empty if there is none."""
        tree = cls()
        for place, folders, files in os.walk(folder):
            for name in (*folders, *files):
                path = Path(place) / name
                mode = path.lstat().st_mode
                text = ""
                if S_ISLNK(mode):
                    text = os.readlink(path)  # noqa: PTH115
                elif S_ISREG(mode):
                    text = path.read_bytes().decode("utf-8", "surrogateescape")
                tree[path.relative_to(folder).as_posix()] = Entry(mode, text)
        return tree


def trees(names: Iterable[str], most: int = 4) -> st.SearchStrategy[Planted]:
    """Draw a few files and folders with these names, at the top and one folder deep."""
    name = st.sampled_from([*names, "chat.jsonl", "Notes für später.txt", ".hidden"])
    path = st.one_of(name, st.builds("{}/{}".format, st.sampled_from(["deep", "mine"]), name))
    text = st.sampled_from(["", "{}", "precious", '{"kind": "x"}', None])
    return st.dictionaries(path, text, max_size=most)


def plant(folder: Path, tree: Planted) -> None:
    """Put the files and folders of a tree into a folder; what is in the way of another is left."""
    for name, text in tree.items():
        path = folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if text is None:
                path.mkdir()
            else:
                path.write_text(text, encoding="utf-8")
        except OSError:
            continue
