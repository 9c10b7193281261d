"""The README's commands are run, or fail here when they drift."""

import os
import re
import shlex
import sqlite3
import subprocess
from pathlib import Path

import pytest

from bot.config.settings import NAMES
from training import __main__ as main

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)
COMMANDS = [line for block in BLOCKS for line in block.splitlines() if line.strip()]
SCRIPT = '{"reply": "Pineapple belongs on pizza."}'
LIMIT_S = 120


def run(command: str, home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if key not in NAMES}
    return subprocess.run(
        ["bash", "-c", command],
        cwd=ROOT,
        env={**kept, "FUNGPT_HOME": str(home), **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )


def test_it_begins_with_the_two_commands():
    first = BLOCKS[0].splitlines()
    assert [line.split("#")[0].strip() for line in first] == ["make run", "make test"]


@pytest.mark.parametrize("target", sorted(set(re.findall(r"make ([a-z-]+)", README))))
def test_every_make_command_exists(target, tmp_path):
    done = run(f"make --dry-run {target}", tmp_path)
    assert done.returncode == 0, done.stderr


def test_the_piped_prompt_is_answered(tmp_path):
    command = next(line for line in COMMANDS if line.startswith('echo "'))
    done = run(command, tmp_path, BASE_MODEL="scripted", FUNGPT_SCRIPT=SCRIPT)
    assert done.returncode == 0, done.stderr
    assert "Pineapple belongs on pizza." in done.stdout


@pytest.mark.parametrize("module", sorted(set(re.findall(r"-m ([a-z]+)", README))))
def test_every_program_explains_itself(module, tmp_path):
    done = run(f".venv/bin/python -m {module} --help", tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"python -m {module}" in done.stdout


def test_every_program_takes_the_options_shown(tmp_path):
    options = re.findall(r"python -m ([a-z]+) (--[a-z-]+)", README)
    assert options
    for module, option in options:
        assert option in run(f".venv/bin/python -m {module} --help", tmp_path).stdout


def test_every_setting_exists():
    named = set(re.findall(r"\b([A-Z][A-Z_]{4,})(?==)", README))
    assert named
    assert named <= set(NAMES)


def test_the_query_finds_ratings_given_in_the_chat(tmp_path):
    chat = 'printf "Best pizza?\\n/rate good\\n" | make run'
    done = run(chat, tmp_path, BASE_MODEL="scripted", FUNGPT_SCRIPT=SCRIPT)
    assert done.returncode == 0, done.stderr
    query = re.search(r'"(SELECT variant.*?)"', README, flags=re.DOTALL)
    assert query is not None
    with sqlite3.connect(tmp_path / "fungpt.db") as connection:
        rows = connection.execute(query[1]).fetchall()
    connection.close()
    assert [(row[0], row[2], row[3]) for row in rows] == [("tuned", "good", 1)]
    assert rows[0][1]


def test_every_link_leads_somewhere():
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target


TRAINING_PAGE = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")


# What somebody types: at the beginning of a line, behind a prompt, or in backticks.
TYPED = re.compile(r"(?:^(?:\$ )?|`)(?:\.venv/bin/)?python -m training (\S[^`\n]*)", re.MULTILINE)
PAGES = "\n".join((README, TRAINING_PAGE)).replace("\\\n", "")


@pytest.mark.parametrize("line", sorted(set(TYPED.findall(PAGES))))
def test_training_commands_are_understood(line):
    words = shlex.split(line, comments=True)
    if "--help" in words or "…" in line:
        return
    if len(words) == 1:  # a command that is only named must exist
        assert words[0] in {command.name for command in main.COMMANDS}
    else:
        main.parser().parse_args(words)
