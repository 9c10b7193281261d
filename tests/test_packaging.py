"""A built wheel has every module and every data file, and its modules import from it alone."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("bot", "data", "model", "training")
PROGRAM = """
import importlib, sys
for name in sys.argv[1:]:
    module = importlib.import_module(name)
    print(module.__file__)
"""


def files() -> list[str]:
    """Every file of the packages, relative to the checkout."""
    return [
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    ]


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a wheel that was built from a copy of the checkout, without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"  # setuptools leaves its own files beside what it builds
    source.mkdir()
    for package in PACKAGES:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / package, source / package, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    # What an editor or a test run leaves in a checkout is no part of the packages.
    for stray in ("botany", "training_data"):
        (source / stray).mkdir()
        (source / stray / "__init__.py").touch()
    build = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"
    done = subprocess.run(
        [sys.executable, "-c", build, folder],
        cwd=source,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    [wheel] = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "unpacked")
    shutil.rmtree(source)
    return folder / "unpacked"


def test_a_wheel_has_every_file_of_the_packages_and_no_others(unpacked: Path) -> None:
    found = {path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*")}
    packed = {name for name in found if (unpacked / name).is_file() and ".dist-info/" not in name}
    assert packed == set(files())


@pytest.mark.parametrize(
    "kind",
    [
        "data/migrations/*.sql",
        "data/*.jsonl",
        "data/adapters/demo/*",
        "model/runner/gpu/kernels/*.cu",
        "model/runner/gpu/kernels/*.cuh",
        "training/*.toml",
        "training/evaluate/report/*.jinja",
        "training/evaluate/voice/sentences.jsonl",
        "training/evaluate/voice/*.safetensors",
    ],
)
def test_a_wheel_has_what_the_programs_read(unpacked: Path, kind: str) -> None:
    assert len(list(unpacked.glob(kind))) == len(list(ROOT.glob(kind))) > 0


def test_every_module_of_a_wheel_imports_from_it(unpacked: Path, tmp_path: Path) -> None:
    modules = [
        name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for name in files()
        if name.endswith(".py")
    ]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *modules],
        cwd=tmp_path,
        env={"PYTHONPATH": str(unpacked), "PATH": "", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    places = done.stdout.splitlines()
    assert len(places) == len(modules)
    assert [place for place in places if not place.startswith(f"{unpacked}/")] == []
