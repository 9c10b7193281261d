import json
import logging
import sys

import pytest

from bot.config.logs import start_logging, stop_logging


@pytest.fixture
def log(tmp_path):
    """Starts the log and gives what stands in it afterwards."""
    root = logging.getLogger()
    levels = {name: logging.getLogger(name).level for name in (None, "discord", "openai")}
    handlers = []

    def begin(level=logging.DEBUG, **options):
        handlers.append(start_logging(tmp_path / "bot.log", level, **options))
        return lambda: (tmp_path / "bot.log").read_text(encoding="utf-8")

    yield begin
    for handler in handlers:
        stop_logging(handler)
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    assert not [one for one in root.handlers if one in handlers]


def test_plain_lines_say_when_what_and_where(log):
    read = log()
    logging.getLogger("bot.test").warning("request %d failed", 7)
    assert read().rstrip().endswith("WARNING bot.test: request 7 failed")


def test_json_lines_are_objects_with_the_trace(log):
    read = log(as_json=True)
    try:
        raise ValueError("ünlucky")
    except ValueError:
        logging.getLogger("bot.test").exception("it broke")
    [line] = read().splitlines()
    entry = json.loads(line)
    assert (entry["level"], entry["logger"], entry["message"]) == ("ERROR", "bot.test", "it broke")
    assert "ValueError: ünlucky" in entry["traceback"]


def test_libraries_that_write_out_what_people_said_do_not_even_at_debug(log):
    read = log()
    for name in ("discord.gateway", "discord.http", "discord.webhook.async_", "openai", "httpx"):
        logging.getLogger(name).debug("a secret: %s", {"content": "the purple submarine"})
    logging.getLogger("discord.client").info("logged in")
    assert "submarine" not in read()
    assert "logged in" in read()


def test_a_log_that_cannot_be_written_disturbs_nobody(log, monkeypatch, capsys):
    read = log()
    [handler] = [
        one
        for one in logging.getLogger().handlers
        if isinstance(one, logging.FileHandler) and one.baseFilename.endswith("bot.log")
    ]

    def full(_text):
        raise OSError("no space left on device")

    monkeypatch.setattr(handler.stream, "write", full, raising=False)
    logging.getLogger("bot.test").warning("lost")
    assert capsys.readouterr().err == ""
    assert sys.stderr is not None
    assert read() == ""
