"""What `make clients` stands on: environments of its own, pins, and workers."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.clients.environment import LOCK, ROOT, Missing, js_environment, made, run
from tests.clients.workers import look, running, wait


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_an_environment_is_made_once_for_each_set_of_pins(tmp_path: Path, cache: Path):
    pins, installed = tmp_path / "pins", []

    def install(folder: Path) -> None:
        installed.append(folder)
        (folder / "program").touch(exist_ok=False)

    for text in ("a==1", "a==1", "a==2", "a==1"):
        pins.write_text(text)
        assert (made("x", [pins], install) / "program").exists()
    assert len(set(installed)) == len(installed) == 2
    assert all(folder.parent == cache / "fungpt" for folder in installed)


def test_what_a_killed_set_up_left_is_made_anew(tmp_path: Path):
    (pins := tmp_path / "pins").write_text("a==1")

    def broken(folder: Path) -> None:
        (folder / "half").touch()
        raise Missing("no network")

    with pytest.raises(Missing):
        made("x", [pins], broken)
    folder = made("x", [pins], lambda folder: (folder / "whole").touch())
    assert not (folder / "half").exists()
    assert (folder / "whole").exists()


def test_what_is_missing_is_said_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    program = "import sys; sys.exit('some words\\nERROR: No matching distribution\\nmore')"
    with pytest.raises(Missing) as error:
        run([sys.executable, "-c", program], "nothing can be installed")
    assert str(error.value) == "nothing can be installed: ERROR: No matching distribution"
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Missing, match=r"^no node here: install Node\.js"):
        js_environment()


def test_the_command_ends_with_one_line_where_it_cannot_begin():
    done = subprocess.run(
        [sys.executable, "-m", "tests.clients"],
        cwd=ROOT,
        env=os.environ | {"XDG_CACHE_HOME": os.devnull},
        capture_output=True,
        text=True,
        timeout=60,
    )
    [line] = done.stderr.splitlines()
    assert done.returncode == 2
    assert line.startswith(f"clients: {os.devnull}/fungpt/clients-")
    assert line.endswith("cannot be made: Not a directory")


def test_the_clients_have_pins_of_their_own():
    pins = dict(line.split("==") for line in LOCK.read_text().splitlines() if "==" in line)
    everything = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = everything["dependency-groups"]["clients"]
    assert {name.split(">")[0] for name in wanted} <= set(pins)
    assert pins["openai"].startswith("2.")
    main = (ROOT / "requirements.lock").read_text()
    assert not [name for name in ("litellm", "llm", "langchain-openai") if f"\n{name}==" in main]


def test_a_worker_runs_while_it_is_used_and_says_why_it_cannot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("MAX_CONTEXT", "this person's own, and wrong")
    with running(tmp_path, {"load_seconds": 0.2}) as address:
        wait(address)
        assert look(address)["status"] == "ok"
    with pytest.raises(Missing, match=r"^the worker is gone: "):
        look(address)
    with (
        running(tmp_path, {"fail_load": "no disk"}) as address,
        pytest.raises(Missing, match="no disk"),
    ):
        wait(address)
    with (
        pytest.raises(Missing, match=r"^the worker does not start: model: FUNGPT_SCRIPT: "),
        running(tmp_path, {"unknown": 1}),
    ):
        pass
