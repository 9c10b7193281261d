"""`python -m bot`: puts the parts together, runs one front end, ends everything again."""

import argparse
import asyncio
import contextlib
import logging
import random
import sys
from collections.abc import AsyncGenerator, Generator

from bot.chat.chat import Chat
from bot.config.logs import start_logging, stop_logging
from bot.config.own_files import BOT_LOG, LOCK, LOGS, WORKER_LOG, foreign_file
from bot.config.settings import BotSettings, load_settings
from bot.config.streams import complain, flush_output, nobody_reads, prepare_streams
from bot.errors import BotError, SettingsError
from bot.front_end import LOCAL_FRONT_ENDS, FrontEnd, FrontEndName, Services
from bot.lifecycle import CONFIGURATION, FAILURE, OK, only_instance, until_end
from bot.terminal.front_end import TerminalFrontEnd
from bot.terminal.pipe import PlainFrontEnd
from bot.terminal.session import Session, piped_place, terminal_place
from bot.worker.start import worker_for
from data.errors import StoreError
from data.store.store import Store

logger = logging.getLogger(__name__)


def main() -> int:
    """Run the bot; return the exit code: 0, 1 for a failure while running, 2 for a setting."""
    prepare_streams()
    command = _parser().parse_args().command
    try:
        return asyncio.run((_examine if command == "doctor" else _run)(load_settings()))
    except SettingsError as error:
        return complain(str(error), CONFIGURATION)
    except (BotError, StoreError) as error:
        return complain(str(error), FAILURE)
    except KeyboardInterrupt:
        return FAILURE
    except Exception as error:
        if nobody_reads(error):
            return OK
        logger.exception("The bot failed")
        return complain("The bot failed; logs/bot.log under FUNGPT_HOME says how.", FAILURE)
    finally:
        flush_output()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bot",
        description="Chat with the base and the tuned model: on Discord with DISCORD_TOKEN, else in"
        " the terminal, or with prompts from a pipe, one a line. Settings are variables of the"
        " environment or of .env: see .env.example.",
    )
    parser.add_argument(
        "command",
        nargs="?",
        choices=["doctor"],
        help="doctor: check token, intents, permissions, database, worker, adapter and disk",
    )
    return parser


async def _examine(settings: BotSettings) -> int:
    """Print the result of every check; return 1 if one is bad, else 0."""
    from bot.doctor import CheckStatus, examine

    code = OK
    async for result in examine(settings):
        print(result, flush=True)
        code = FAILURE if result.status is CheckStatus.BAD else code
    return code


async def _run(settings: BotSettings) -> int:
    with _home(settings):
        async with _services(settings) as services:
            return await until_end(_front_end(services), services)


def _front_end(services: Services) -> FrontEnd:
    """The front end for these settings and standard streams."""
    if services.settings.discord_token is not None:
        from bot.discord.front_end import DiscordFrontEnd  # the terminal shall not wait for it

        return DiscordFrontEnd(services)
    chat, store = services.chat, services.store
    if sys.stdin.isatty() and sys.stdout.isatty():
        return TerminalFrontEnd(services, Session(chat, store, terminal_place()))
    return PlainFrontEnd(services, Session(chat, store, piped_place()))


@contextlib.contextmanager
def _home(settings: BotSettings) -> Generator[None, None, None]:
    """Hold FUNGPT_HOME for this process and send the log there."""
    home = settings.fungpt_home
    with contextlib.ExitStack() as stack:
        try:
            if (foreign := foreign_file(home)) is not None:
                raise SettingsError(
                    f"FUNGPT_HOME={home}: the bot did not write {foreign}: move it away, or name"
                    " another folder"
                )
            (home / LOGS).mkdir(parents=True, exist_ok=True)
            stack.enter_context(only_instance(home / LOCK))
            as_json = settings.log_format == "json"
            handler = start_logging(home / BOT_LOG, settings.log_number, as_json=as_json)
        except OSError as error:
            raise SettingsError(f"FUNGPT_HOME={home} cannot be written: {error}") from error
        stack.callback(stop_logging, handler)
        yield


@contextlib.asynccontextmanager
async def _services(settings: BotSettings) -> AsyncGenerator[Services, None]:
    """Start everything that a front end needs, and end it in the opposite order."""
    async with (
        await Store.open(settings.database) as store,
        worker_for(settings, settings.fungpt_home / WORKER_LOG) as worker,
    ):
        chat = Chat(store, worker, settings, worker, rng=random.SystemRandom())
        try:
            on_discord = settings.discord_token is not None
            mine = (FrontEndName.DISCORD,) if on_discord else LOCAL_FRONT_ENDS
            # On Discord it can be seen how an interrupted answer ended.
            leftovers = tuple(await chat.resume(mine, hold=on_discord))
            yield Services(chat, store, worker.board, settings, leftovers)
        finally:
            await chat.aclose(0)


if __name__ == "__main__":
    sys.exit(main())
