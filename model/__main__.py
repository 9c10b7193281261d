"""The inference worker: `python -m model --host 127.0.0.1 --port 8000`."""

import argparse
import asyncio
import errno
import logging
import os
import signal
import socket
import sys
import threading
from dataclasses import dataclass
from typing import NoReturn

from aiohttp import web

from model.errors import ConfigError
from model.loaded import LoadedModel, Loader
from model.loading.base import Progress
from model.loading.registry import Registry
from model.protocol.state import Listening
from model.scripted.engine import load_scripted
from model.scripted.script import parse_script
from model.server.adapter_desk import AdapterDesk
from model.server.app import check_address, create_app, create_runner
from model.server.entry.log_limit import RepeatLimit
from model.server.metrics import WorkerMetrics
from model.server.service import EngineService
from model.settings import SCRIPTED, WorkerSettings, load_settings

REFUSED = 2
LOAD_FAILED = 3
ENGINE_FAILED = 4
CLOSE_LIMIT_S = 2.0
_LAST_WORDS_S = 0.5
# How long OpenMP's threads spin while they wait for the next operation. The default is so long that
# they take the cores from each other as soon as another program, such as the bot, wants one: tokens
# then come several times slower (docs/experiments.md).
OPENMP_SPINS = "5000"


@dataclass(frozen=True, slots=True)
class Arguments:
    """The options of the command line."""

    host: str
    port: int
    exit_on_stdin_eof: bool


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(REFUSED, f"model: {message}; see --help\n")


def parse_arguments(argv: list[str]) -> Arguments:
    """Read the command line; ends the process with code 2 and one line when it is wrong."""
    parser = _Parser(prog="python -m model", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=_port, default=8000, help="0 picks a free one")
    parser.add_argument(
        "--exit-on-stdin-eof",
        action="store_true",
        help="exit at once when standard input closes: the parent is gone",
    )
    options = parser.parse_args(argv)
    return Arguments(options.host, options.port, options.exit_on_stdin_eof)


def _port(text: str) -> int:
    port = int(text) if text.isascii() and text.isdigit() else -1
    if not 0 <= port < 2**16:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: 0 to 65535")
    return port


def choose_loader(settings: WorkerSettings) -> Loader:
    """The function that will load the model in the engine's thread, which imports torch there."""
    if settings.base_model == SCRIPTED:
        script = parse_script(settings.fungpt_script)
        return lambda progress: load_scripted(script, settings, progress)

    def load_model(progress: Progress) -> LoadedModel:
        os.environ.setdefault("GOMP_SPINCOUNT", OPENMP_SPINS)
        progress("importing torch", None)
        from model.assembly import load

        return load(settings, progress)

    return load_model


async def serve(
    arguments: Arguments,
    settings: WorkerSettings,
    load: Loader,
    close_limit_s: float = CLOSE_LIMIT_S,
) -> int:
    """Listen, load and serve until a signal or a failure; return the process's exit code."""
    stop = _stop_on_signals()
    service = EngineService(load, WorkerMetrics(), settings.default_max_tokens)
    desk = AdapterDesk(service, Registry(settings.fungpt_home), settings.adapters)
    runner = create_runner(create_app(service, desk, settings))
    await runner.setup()
    following = asyncio.create_task(desk.follow(), name="registry")
    try:
        port = await _listen(runner, arguments)
        service.start()
        print(Listening(host=arguments.host, port=port).model_dump_json(), flush=True)
        return await _until_done(service, stop, settings.drain_s)
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        stuck = not await service.close(close_limit_s)
        await runner.cleanup()
        if stuck:
            logging.getLogger(__name__).warning("the engine is stuck in a step: leaving it behind")


async def _listen(runner: web.AppRunner, arguments: Arguments) -> int:
    try:
        await web.TCPSite(runner, arguments.host, arguments.port).start()
    except OSError as error:
        where = f"{arguments.host}:{arguments.port}"
        resolving = isinstance(error, socket.gaierror)
        why = error.strerror if resolving else os.strerror(error.errno or errno.EIO)
        raise ConfigError(
            f"cannot listen on {where}: {why}; choose with --host and --port"
        ) from error
    return int(runner.addresses[0][1])


def _stop_on_signals() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    return stop


async def _until_done(service: EngineService, stop: asyncio.Event, drain_s: float) -> int:
    failing = asyncio.create_task(service.failure())
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((failing, stopping), return_when=asyncio.FIRST_COMPLETED)
        if not failing.done():
            await service.drain(drain_s)
            return 0
        failure = failing.result()
        print(f"model: {failure.message}", file=sys.stderr, flush=True)
        await asyncio.sleep(_LAST_WORDS_S)  # so that /health can tell whoever is asking
        return LOAD_FAILED if failure.loading else ENGINE_FAILED
    finally:
        for task in (failing, stopping):
            task.cancel()


def exit_on_stdin_eof() -> None:
    """Wait until standard input closes, then end the process at once."""
    while os.read(0, 4096):
        pass
    os._exit(0)


def main(argv: list[str]) -> int:
    """Run the worker; return the process's exit code."""
    arguments = parse_arguments(argv)
    try:
        settings = load_settings()
        logging.basicConfig(
            level=settings.log_level,
            stream=sys.stderr,
            format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        )
        for handler in logging.getLogger().handlers:
            handler.addFilter(RepeatLimit())
        check_address(arguments.host, settings.worker_api_key)
        load = choose_loader(settings)
        if arguments.exit_on_stdin_eof:
            threading.Thread(target=exit_on_stdin_eof, name="stdin", daemon=True).start()
        return asyncio.run(serve(arguments, settings, load))
    except ConfigError as error:
        print(f"model: {error}", file=sys.stderr)
        return REFUSED


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # the engine's thread may be stuck in a step or in loading: nobody waits for it
