"""Text files that a command may write again as long as nobody has changed them."""

import hashlib
import os
import tempfile
from pathlib import Path

from data.errors import OutputRefused
from data.files.new_file import sync


def check_own_text(path: Path, kind: str) -> None:
    """Check that the command `kind` may write the file `path`; write nothing.

    It may if there is no such file, or if `write_own_text` wrote it for the same command and it
    has not been changed since. Raises OutputRefused otherwise.
    """
    if not os.path.lexists(path):
        return
    try:
        is_plain = path.is_file() and not path.is_symlink()
        content = path.read_bytes() if is_plain else b""
    except OSError as error:
        raise OutputRefused(f"{path} cannot be read ({error.strerror or error})") from error
    text, _, last = content.rpartition(b"\n\n")
    if last != _signature(text, kind):
        raise OutputRefused(
            f"{path} exists and is not what `{kind}` wrote, or was changed since: name another file"
        )


def write_own_text(path: Path, text: str, kind: str) -> None:
    """Write `text` and a last line that names the command and the hash of the text.

    The line is an HTML comment, which Markdown and HTML do not show. After a crash the file is
    the old or the new one. Raises OutputRefused as `check_own_text` does, and OSError.
    """
    check_own_text(path, kind)
    body = text.rstrip("\n").encode()
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".fungpt-")
    draft = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(body + b"\n\n" + _signature(body, kind))
        draft.chmod(0o644)  # mkstemp lets only this user read it
        sync(draft)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    sync(path.parent)


def _signature(text: bytes, kind: str) -> bytes:
    digest = hashlib.sha256(text).hexdigest()
    return f"<!-- written by `{kind}`; sha256 of the text above: {digest} -->\n".encode()
