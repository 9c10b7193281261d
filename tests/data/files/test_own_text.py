import os
from pathlib import Path

import pytest

from data.errors import OutputRefused
from data.files.own_text import check_own_text, write_own_text

KIND = "python -m training compare"


def state_of(path: Path) -> tuple[int, ...]:
    """What changes when a file is written; reading it may change only its time of access."""
    found = os.lstat(path)
    return found.st_mode, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def test_own_text_is_written_again(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    for text in ("# One\n", "# Two\n\nmore\n", ""):
        check_own_text(page, KIND)
        write_own_text(page, text, KIND)
        assert page.read_text().startswith(text.rstrip("\n") + "\n\n<!-- written by `python -m")
        assert page.stat().st_mode & 0o777 == 0o644
    assert list(tmp_path.iterdir()) == [page]


@pytest.mark.parametrize(
    "change", ["foreign", "edited", "appended", "other command", "link", "folder"]
)
def test_other_text_is_refused_and_kept(tmp_path: Path, change: str) -> None:
    page = tmp_path / "page.md"
    write_own_text(page, "# Mine\n", "another command" if change == "other command" else KIND)
    match change:
        case "foreign":
            page.write_text("# My notes\n")
        case "edited":
            page.write_text(page.read_text().replace("Mine", "Yours"))
        case "appended":
            page.write_text(page.read_text() + "P.S.\n")
        case "link":
            page.rename(tmp_path / "elsewhere")
            page.symlink_to("elsewhere")
        case "folder":
            page.unlink()
            page.mkdir()
        case _:
            pass
    before = state_of(page), [path.name for path in tmp_path.iterdir()]
    for write in (lambda: check_own_text(page, KIND), lambda: write_own_text(page, "# New", KIND)):
        with pytest.raises(OutputRefused, match=r"page\.md"):
            write()
    assert (state_of(page), [path.name for path in tmp_path.iterdir()]) == before
