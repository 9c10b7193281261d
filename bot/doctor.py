"""`python -m bot doctor`: what is ready and what is missing, one line each."""

import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path

import discord

from bot.config.settings import BotSettings
from bot.discord.api.application import Application, Server, survey
from bot.discord.api.endpoints import use_endpoints
from bot.discord.api.invite import invite_link, missing
from bot.discord.api.unreachable import UNREACHABLE
from bot.errors import SettingsError
from data.files.check import check
from model.client import WorkerClient
from model.errors import ClientError
from model.settings import DEMO, SHIPPED_ADAPTER, parse_adapters

_ENOUGH_BYTES = 2_000_000_000  # the demo model with its conversion, logs and a grown database
_WEIGHTS = "adapter_config.json"


class Verdict(StrEnum):
    """How a check ended."""

    OK = "ok"
    NOTE = "note"  # works, but somebody may want to know
    BAD = "BAD"


@dataclass(frozen=True, slots=True)
class Line:
    """One check's result."""

    verdict: Verdict
    subject: str
    text: str

    def __str__(self) -> str:
        return f"{self.verdict:<5}{self.subject}: {self.text}"


async def examine(settings: BotSettings) -> AsyncIterator[Line]:
    """Every check in order; changes nothing."""
    async for line in _discord(settings):
        yield line
    yield _database(settings)
    yield await _worker(settings)
    for line in _adapters(settings):
        yield line
    yield _disk(settings.fungpt_home)


async def _discord(settings: BotSettings) -> AsyncIterator[Line]:
    if settings.discord_token is None:
        yield Line(Verdict.NOTE, "token", "DISCORD_TOKEN is not set: the chat is in the terminal")
        for line in _unknown():
            yield line
        return
    use_endpoints(settings.discord_api_url, settings.discord_gateway_url)
    try:
        application, servers = await survey(settings.discord_token.get_secret_value())
    except (SettingsError, discord.HTTPException, *UNREACHABLE) as error:
        asked = "" if isinstance(error, SettingsError) else "Discord cannot be asked: "
        yield Line(Verdict.BAD, "token", f"{asked}{error}")
        for line in _unknown():
            yield line
        return
    yield Line(Verdict.OK, "token", f"it is {application.name}'s ({application.id})")
    yield intents_line(settings, application)
    yield permissions_line(application, servers)


def _unknown() -> list[Line]:
    return [Line(Verdict.NOTE, name, "not known without a token")
            for name in ("intents", "permissions")]  # fmt: skip


def intents_line(settings: BotSettings, application: Application) -> Line:
    """Which of the two ways to read messages it is. Pure."""
    wanted = settings.discord_message_content
    if application.content_granted and wanted != "off":
        return Line(
            Verdict.OK, "intents",
            "with message content: always-channels and reply chains among people work",
        )  # fmt: skip
    without = "without message content: mentions, replies, direct messages and commands work"
    if wanted == "on":
        return Line(Verdict.BAD, "intents", "DISCORD_MESSAGE_CONTENT=on, but it is not granted")
    return Line(Verdict.OK, "intents", without)


def permissions_line(application: Application, servers: list[Server]) -> Line:
    """What is missing where. Pure."""
    link = invite_link(application.id)
    if not servers:
        return Line(Verdict.NOTE, "permissions", f"it is in no server yet, invite it: {link}")
    lacking = [
        f"{server.name} lacks {', '.join(lacks)}"
        for server in servers
        if (lacks := missing(server.permissions))
    ]
    if lacking:
        return Line(Verdict.BAD, "permissions", f"{'; '.join(lacking)}: invite it anew: {link}")
    count = f"{len(servers)} server{'s' * (len(servers) != 1)}"
    return Line(Verdict.OK, "permissions", f"complete in {count}; invite link: {link}")


def _database(settings: BotSettings) -> Line:
    found = next(check(settings.database))
    return Line(Verdict.OK if found.is_sound else Verdict.BAD, "database", found.text)


async def _worker(settings: BotSettings) -> Line:
    if settings.worker_url is None:
        lacking = [
            name for name in ("torch", "transformers", "bitsandbytes") if not find_spec(name)
        ]
        if lacking:
            return Line(Verdict.BAD, "worker", f"not installed: {', '.join(lacking)}")
        return Line(Verdict.OK, "worker", f"starts with the bot, with {settings.base_model}")
    key = settings.worker_api_key
    async with WorkerClient(
        settings.worker_url, key.get_secret_value() if key else None, read_timeout_s=10
    ) as client:
        try:
            names = ", ".join(card.id for card in await client.models())
        except ClientError as error:
            return Line(Verdict.BAD, "worker", f"{settings.worker_url}: {error}")
    return Line(Verdict.OK, "worker", f"{settings.worker_url} serves {names}")


def _adapters(settings: BotSettings) -> list[Line]:
    if settings.worker_url is not None:
        return [Line(Verdict.OK, "adapter", "the worker's own")]
    if not settings.adapters and settings.base_model == DEMO:
        return [adapter_line("tuned", str(SHIPPED_ADAPTER))]
    try:
        adapters = parse_adapters(settings.adapters)
    except ValueError as error:
        return [Line(Verdict.BAD, "adapter", f"ADAPTERS: {error}")]
    if not adapters:
        return [Line(Verdict.NOTE, "adapter", "ADAPTERS names none: only the base model answers")]
    return [adapter_line(name, source) for name, source in adapters.items()]


def adapter_line(name: str, source: str) -> Line:
    """Whether `source` is an adapter's folder; a hub id is left to the worker."""
    folder = Path(source).expanduser()
    if not folder.is_dir() and source.startswith(("/", ".", "~")):
        return Line(Verdict.BAD, "adapter", f"{name}: there is no folder {folder}")
    if not folder.is_dir():
        return Line(Verdict.NOTE, "adapter", f"{name} is no folder here: {source} is the hub's")
    if not (folder / _WEIGHTS).is_file():
        return Line(Verdict.BAD, "adapter", f"{name}: {folder} holds no {_WEIGHTS}")
    return Line(Verdict.OK, "adapter", f"{name} in {folder}")


def _disk(home: Path) -> Line:
    place = home.absolute()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    verdict = Verdict.OK if free >= _ENOUGH_BYTES else Verdict.BAD
    return Line(verdict, "disk", f"{free / 1e9:.1f} GB free for {home}")
