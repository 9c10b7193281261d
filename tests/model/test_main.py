import asyncio
import json
import os
import signal
import socket
import sys
from types import ModuleType

import aiohttp
import pytest

from model.__main__ import (
    ENGINE_FAILED,
    LOAD_FAILED,
    REFUSED,
    Arguments,
    choose_loader,
    exit_on_stdin_eof,
    main,
    parse_arguments,
    serve,
)
from model.errors import ConfigError, ModelError
from model.scripted.engine import Outside, load_scripted
from model.scripted.script import Script

LIMIT_S = 10


def test_the_command_line():
    assert parse_arguments([]) == Arguments("127.0.0.1", 8000, exit_on_stdin_eof=False)
    given = parse_arguments(["--host", "::1", "--port", "0", "--exit-on-stdin-eof"])
    assert given == Arguments("::1", 0, exit_on_stdin_eof=True)


@pytest.mark.parametrize("argv", [["--port", "x"], ["--port", "65536"], ["--port", "-1"], ["x"]])
def test_a_wrong_command_line_is_one_line(argv, capsys):
    with pytest.raises(SystemExit) as ended:
        parse_arguments(argv)
    assert ended.value.code == REFUSED
    assert capsys.readouterr().err.count("\n") == 1


@pytest.fixture
def scripted_env(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BASE_MODEL", "scripted")
    monkeypatch.delenv("WORKER_API_KEY", raising=False)
    monkeypatch.delenv("FUNGPT_SCRIPT", raising=False)
    return monkeypatch


@pytest.mark.parametrize(
    ("name", "value", "argv"),
    [
        ("MAX_RUNNING", "0", []),
        ("FUNGPT_SCRIPT", "{", []),
        ("BASE_MODEL", "scripted", ["--host", "0.0.0.0"]),
        ("WORKER_API_KEY", "k", ["--host", "worker.invalid"]),
    ],
)
def test_a_refused_start_is_one_line(scripted_env, capsys, name, value, argv):
    scripted_env.setenv(name, value)
    assert main(argv) == REFUSED
    written = capsys.readouterr()
    assert written.out == ""
    assert written.err.startswith("model: ")
    assert written.err.count("\n") == 1


def test_a_port_in_use_is_one_line(scripted_env, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["--port", str(port)]) == REFUSED
    written = capsys.readouterr()
    assert written.out == ""
    assert written.err.count("\n") == 1
    assert f"127.0.0.1:{port}" in written.err
    assert "in use" in written.err


class Console:
    """What was written so far."""

    def __init__(self, capsys) -> None:
        self._capsys = capsys
        self._out = self._err = ""

    def read(self) -> tuple[str, str]:
        written = self._capsys.readouterr()
        self._out += written.out
        self._err += written.err
        return self._out, self._err

    async def listening(self) -> str:
        async with asyncio.timeout(LIMIT_S):
            while not self.read()[0]:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        told = json.loads(self._out)
        assert told["event"] == "listening"
        return f"http://{told['host']}:{told['port']}"


@pytest.fixture
def console(capsys) -> Console:
    return Console(capsys)


def loader(make_settings, **script: object):
    written = Script.model_validate(script)
    return lambda progress: load_scripted(written, make_settings(), progress)


async def test_a_signal_drains_and_ends_well(make_settings, console, until):
    load = loader(make_settings, step_seconds=0.02, reply="slow and steady")
    serving = asyncio.create_task(
        serve(Arguments("127.0.0.1", 0, exit_on_stdin_eof=False), make_settings(), load)
    )
    url = await console.listening()
    async with aiohttp.ClientSession(url) as session:
        while (await session.get("/health")).status != 200:  # noqa: ASYNC110 - nothing announces it
            await asyncio.sleep(0.005)
        body = {"model": "base", "messages": [{"role": "user", "content": "x"}], "stream": True}
        async with session.post("/v1/chat/completions", json=body) as response:
            os.kill(os.getpid(), signal.SIGTERM)
            text = await response.text()
    assert text.endswith("data: [DONE]\n\n")
    async with asyncio.timeout(LIMIT_S):
        assert await serving == 0


@pytest.mark.parametrize(
    ("script", "code", "line"),
    [
        ({"fail_load": "no disk left"}, LOAD_FAILED, "no disk left"),
        ({"raise_after_tokens": 1}, ENGINE_FAILED, "RuntimeError: the script says: raise"),
    ],
)
async def test_a_failure_is_told_and_ends_badly(make_settings, console, script, code, line):
    load = loader(make_settings, **script)
    serving = asyncio.create_task(
        serve(Arguments("127.0.0.1", 0, exit_on_stdin_eof=False), make_settings(), load)
    )
    url = await console.listening()
    async with aiohttp.ClientSession(url) as session:
        while (health := await (await session.get("/health")).json())["status"] != "failed":
            body = {"model": "base", "messages": [{"role": "user", "content": "x"}]}
            await (await session.post("/v1/chat/completions", json=body)).read()
    assert health["error"] == line
    async with asyncio.timeout(LIMIT_S):
        assert await serving == code
    assert console.read()[1] == f"model: {line}\n"


async def test_stuck_loading_does_not_keep_the_process(make_settings, console, gate, caplog):
    outside = Outside(hang=lambda: gate.sleep(0))
    script = Script(hang_load=True)
    settings = make_settings()
    serving = asyncio.create_task(
        serve(
            Arguments("127.0.0.1", 0, exit_on_stdin_eof=False),
            settings,
            lambda progress: load_scripted(script, settings, progress, outside),
            close_limit_s=0.01,
        )
    )
    await console.listening()
    os.kill(os.getpid(), signal.SIGINT)
    async with asyncio.timeout(LIMIT_S):
        assert await serving == 0
    assert "leaving it behind" in caplog.text
    gate.open()


def test_another_model_is_loaded_by_loading_alone(make_settings, monkeypatch):
    stand_in = ModuleType("model.assembly")
    settings = make_settings(base_model="some/model")

    def load(given, progress):
        assert given is settings
        raise ModelError("loaded")

    vars(stand_in)["load"] = load
    monkeypatch.setitem(sys.modules, "model.assembly", stand_in)
    told = []
    with pytest.raises(ModelError, match="loaded"):
        choose_loader(settings)(lambda *news: told.append(news))
    assert told == [("importing torch", None)]


def test_a_wrong_script_is_refused_before_anything_starts(make_settings):
    with pytest.raises(ConfigError):
        choose_loader(make_settings(fungpt_script="{"))


def test_the_end_of_standard_input_is_the_end(monkeypatch):
    reads, exits = [b"x", b""], []
    monkeypatch.setattr("os.read", lambda *_: reads.pop(0))
    monkeypatch.setattr("os._exit", exits.append)
    exit_on_stdin_eof()
    assert (reads, exits) == ([], [0])


def test_main_returns_what_serving_ends_with(scripted_env, monkeypatch):
    async def served(arguments, settings, load) -> int:
        assert (arguments.port, settings.base_model) == (0, "scripted")
        return ENGINE_FAILED

    monkeypatch.setattr("model.__main__.serve", served)
    monkeypatch.setattr("logging.basicConfig", lambda **_: None)
    monkeypatch.setattr("model.__main__.exit_on_stdin_eof", lambda: None)
    assert main(["--port", "0", "--exit-on-stdin-eof"]) == ENGINE_FAILED
