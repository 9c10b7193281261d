import json
import subprocess
import sys
from pathlib import Path

import pytest

from data import __main__ as program
from data.__main__ import main
from data.errors import StoreError
from data.records import RatingKind, SettingKey
from data.store.store import Store


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder, without the variable."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FUNGPT_HOME", raising=False)
    monkeypatch.delenv("DISCORD_TRAINING_PERMISSION", raising=False)
    return tmp_path


@pytest.fixture
async def filled(database: Path, answered) -> Path:
    """The home of a database with one rated answer."""
    async with await Store.open(database) as store:
        await store.rate((await answered(store)).id, "bob", RatingKind.GOOD)
    return database.parent


def test_check_says_a_line_for_each_file(filled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--home", str(filled), "check"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[0] == f"ok      {filled}/fungpt.db: schema 6, 1 requests, 1 answers, 1 ratings"


def test_check_fails_on_a_problem(filled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (filled / "fungpt.db").write_bytes(b"not a database, by far" * 100)
    assert main(["--home", str(filled), "check"]) == 1
    assert capsys.readouterr().out.startswith(f"PROBLEM {filled}/fungpt.db is damaged")


def test_backup_makes_a_copy_and_never_overwrites(
    filled: Path, elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--home", str(filled), "backup", "copy.db"]) == 0
    copy = (elsewhere / "copy.db").read_bytes()
    assert main(["--home", str(filled), "backup", "copy.db"]) == 1
    assert capsys.readouterr().err == "copy.db exists already: name another file\n"
    assert (elsewhere / "copy.db").read_bytes() == copy


def test_export_writes_ratings(
    filled: Path, elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--home", str(filled), "export", "out.jsonl"]) == 0
    assert capsys.readouterr().out == (
        "out.jsonl: 1 ratings\nout.jsonl.manifest.json: what they are\n"
    )
    assert json.loads((elsewhere / "out.jsonl").read_text())["rating"] == "good"


@pytest.fixture
async def on_discord(database: Path, answered) -> Path:
    """The home of a database with answers on Discord that ann, who agreed, and bob rated."""
    async with await Store.open(database) as store:
        answer = await answered(store, front_end="discord")
        for person in ("ann", "bob"):
            await store.rate(answer.id, person, RatingKind.GOOD)
        await store.set_setting("user", "ann", SettingKey.TRAINING_CONSENT, "yes")
    return database.parent


def test_export_says_what_it_left_out_and_why(
    on_discord: Path, elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--home", str(on_discord), "export", "out.jsonl"]) == 0
    said = capsys.readouterr().out
    assert "out.jsonl: 0 ratings\n" in said
    assert "2 left out: they are about answers on Discord, which forbids training" in said
    assert "DISCORD_TRAINING_PERMISSION is not set" in said
    assert (elsewhere / "out.jsonl").read_bytes() == b""


@pytest.mark.parametrize("place", ["environment", "dotenv"])
def test_the_permission_is_read_where_the_home_is(
    on_discord: Path,
    elsewhere: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    place: str,
) -> None:
    if place == "environment":
        monkeypatch.setenv("DISCORD_TRAINING_PERMISSION", "ticket 7")
    else:
        (elsewhere / ".env").write_text("DISCORD_TRAINING_PERMISSION=ticket 7\n")
    assert main(["--home", str(on_discord), "export", "out.jsonl"]) == 0
    said = capsys.readouterr().out
    assert "out.jsonl: 1 ratings\n" in said
    assert "1 left out: whoever rated on Discord did not agree" in said
    assert json.loads((elsewhere / "out.jsonl").read_text())["permission"] == "ticket 7"


def test_a_blank_permission_is_none(
    on_discord: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DISCORD_TRAINING_PERMISSION", "  ")
    assert main(["--home", str(on_discord), "export", "out.jsonl"]) == 0
    assert "out.jsonl: 0 ratings" in capsys.readouterr().out


def test_forget_lists_the_exports_and_what_was_made_from_them(
    filled: Path, elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--home", str(filled), "export", "out.jsonl"]) == 0
    manifest = json.loads((elsewhere / "out.jsonl.manifest.json").read_text())
    for folder, name in ((filled / "adapters/tuned/1", "manifest.json"), (elsewhere, "card.json")):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps({"data": {"exports": [{"id": manifest["id"]}]}}))
    (filled / "adapters/other").mkdir()
    (filled / "adapters/other/manifest.json").write_text('{"data": {"exports": []}}')
    capsys.readouterr()

    assert main(["--home", str(filled), "exports"]) == 0
    said = capsys.readouterr().out
    assert f"{elsewhere}/out.jsonl: 1 ratings" in said
    assert "forgotten" not in said

    assert main(["--home", str(filled), "forget", "ann", "--look-in", str(elsewhere)]) == 0
    said = capsys.readouterr().out
    assert f"export: {elsewhere}/out.jsonl (1 of 1 ratings; " in said
    assert f"{elsewhere}/out.jsonl.manifest.json)" in said
    assert f"adapter: {filled}/adapters/tuned/1\n" in said
    assert f"prepared data: {elsewhere}\n" in said
    assert "adapters/other" not in said

    assert main(["--home", str(filled), "exports"]) == 0
    assert f"adapter: {filled}/adapters/tuned/1" in capsys.readouterr().out


def test_forget_says_what_it_did(filled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--home", str(filled), "forget", "ann"]) == 0
    assert "ann is forgotten: 1 requests and 0 ratings" in capsys.readouterr().out
    assert main(["--home", str(filled), "forget", "ann"]) == 1
    assert "knows nobody with the id ann" in capsys.readouterr().err


@pytest.mark.parametrize(
    "command", [["forget", "ann"], ["export", "out"], ["backup", "out"], ["exports"]]
)
def test_a_database_that_is_not_there_is_not_made(
    elsewhere: Path, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    assert main(command) == 1
    assert capsys.readouterr().err == (
        "there is no database at var/fungpt.db: see --home and FUNGPT_HOME\n"
    )
    assert list(elsewhere.iterdir()) == []


def test_home_is_the_option_then_the_variable_then_dotenv_then_var(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def home(*options: str) -> str:
        main([*options, "export", "out"])
        return capsys.readouterr().err.split()[5]

    assert home() == "var/fungpt.db:"
    (elsewhere / ".env").write_text("FUNGPT_HOME=from-dotenv\n")
    assert home() == "from-dotenv/fungpt.db:"
    monkeypatch.setenv("FUNGPT_HOME", "from-environment")
    assert home() == "from-environment/fungpt.db:"
    assert home("--home", "from-option") == "from-option/fungpt.db:"
    monkeypatch.setenv("FUNGPT_HOME", "")
    assert home() == "from-dotenv/fungpt.db:"


@pytest.mark.parametrize("command", [[], ["erase"], ["backup"], ["forget", "a", "b"]])
def test_a_wrong_call_shows_the_usage(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(command)
    assert caught.value.code == 2
    assert "usage: python -m data" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code"), [(StoreError("no luck"), 1), (KeyboardInterrupt(), 130)]
)
def test_no_error_shows_a_traceback(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    code: int,
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(program, "backup", fail)
    assert main(["backup", "out"]) == code
    assert "Traceback" not in capsys.readouterr().err


def test_the_program_starts_without_torch(elsewhere: Path) -> None:
    root = Path(__file__).parents[2]
    source = (
        "import runpy, sys\nsys.argv = ['data', '--home', sys.argv[1], 'check']\n"
        "try:\n    runpy.run_module('data', run_name='__main__')\n"
        "except SystemExit as end:\n    assert end.code == 0, end.code\n"
        "assert 'torch' not in sys.modules\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", source, elsewhere], cwd=root, timeout=60, capture_output=True
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.count(b"\n") == 3


def test_a_deleted_export_goes_off_the_record_once_all_of_it_is_gone(
    filled: Path, elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--home", str(filled), "export", "out.jsonl"]) == 0
    export_id = json.loads((elsewhere / "out.jsonl.manifest.json").read_text())["id"]
    assert main(["--home", str(filled), "forget", "ann"]) == 0
    adapter = filled / "training" / "mine" / "manifest.json"
    adapter.parent.mkdir(parents=True)
    adapter.write_text(json.dumps([export_id]))
    capsys.readouterr()
    command = ["--home", str(filled), "exports", "--deleted", export_id]

    assert main(command) == 1
    assert capsys.readouterr().err == (
        f"{export_id} is not deleted: {elsewhere}/out.jsonl, {adapter.parent}\n"
    )
    (elsewhere / "out.jsonl").unlink()
    adapter.unlink()
    assert main(command) == 0
    assert main(["--home", str(filled), "exports"]) == 0
    assert capsys.readouterr() == ("", "")
    assert main(command) == 1
    assert f"knows no export {export_id}" in capsys.readouterr().err
