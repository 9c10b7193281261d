"""`python -m bot doctor`: checks what the bot needs, with a line for each check."""

import shutil
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path

import discord

from bot.config.settings import BotSettings
from bot.discord.api.application import Application, Server, invite_link, missing, survey
from bot.discord.api.endpoints import UNREACHABLE, use_endpoints
from bot.errors import SettingsError
from data.errors import StoreError
from data.files.check import check
from data.records import MadeExport
from data.store.exports import made_exports
from model.client import WorkerClient
from model.errors import ClientError, ConfigError
from model.loading.adapter_sources import DEMO, configured_adapters, named_adapters
from model.loading.architectures import folder_refusal
from model.loading.registry import Registry

_ENOUGH_BYTES = 2_000_000_000  # the demo model with its conversion, logs and a grown database
_WEIGHTS = "adapter_config.json"


class CheckStatus(StrEnum):
    """How a check came out."""

    OK = "ok"
    NOTE = "note"  # not wrong, but good to know
    BAD = "BAD"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of one check: what was looked at, and what was found."""

    status: CheckStatus
    subject: str
    text: str

    def __str__(self) -> str:
        return f"{self.status:<5}{self.subject}: {self.text}"


async def examine(settings: BotSettings) -> AsyncIterator[CheckResult]:
    """Run every check and yield its result, in a fixed order; changes nothing."""
    async for line in _discord(settings):
        yield line
    yield policy_line(settings)
    yield training_line(settings, _exports(settings))
    yield _database(settings)
    yield await _worker(settings)
    for line in _adapters(settings):
        yield line
    yield _disk(settings.fungpt_home)


async def _discord(settings: BotSettings) -> AsyncIterator[CheckResult]:
    if settings.discord_token is None:
        yield CheckResult(
            CheckStatus.NOTE, "token", "DISCORD_TOKEN is not set: the chat is in the terminal"
        )
        for line in _unknown():
            yield line
        return
    use_endpoints(settings.discord_api_url, settings.discord_gateway_url)
    try:
        application, servers = await survey(settings.discord_token.get_secret_value())
    except (SettingsError, discord.HTTPException, *UNREACHABLE) as error:
        asked = "" if isinstance(error, SettingsError) else "Discord cannot be asked: "
        yield CheckResult(CheckStatus.BAD, "token", f"{asked}{error}")
        for line in _unknown():
            yield line
        return
    yield CheckResult(CheckStatus.OK, "token", f"it is {application.name}'s ({application.id})")
    yield intents_line(settings, application)
    yield permissions_line(application, servers)


def _unknown() -> list[CheckResult]:
    return [CheckResult(CheckStatus.NOTE, name, "not known without a token")
            for name in ("intents", "permissions")]  # fmt: skip


def intents_line(settings: BotSettings, application: Application) -> CheckResult:
    """Whether the bot reads all messages or only those meant for it. Pure."""
    wanted = settings.discord_message_content
    if application.content_granted and wanted != "off":
        return CheckResult(
            CheckStatus.OK, "intents",
            "with message content: always-channels and reply chains among people work",
        )  # fmt: skip
    without = "without message content: mentions, replies, direct messages and commands work"
    if wanted == "on":
        return CheckResult(
            CheckStatus.BAD, "intents", "DISCORD_MESSAGE_CONTENT=on, but it is not granted"
        )
    return CheckResult(CheckStatus.OK, "intents", without)


def permissions_line(application: Application, servers: list[Server]) -> CheckResult:
    """Which permissions are missing in which of the servers. Pure."""
    link = invite_link(application.id)
    if not servers:
        return CheckResult(
            CheckStatus.NOTE, "permissions", f"it is in no server yet, invite it: {link}"
        )
    lacking = [
        f"{server.name} lacks {', '.join(lacks)}"
        for server in servers
        if (lacks := missing(server.permissions))
    ]
    if lacking:
        return CheckResult(
            CheckStatus.BAD, "permissions", f"{'; '.join(lacking)}: invite it anew: {link}"
        )
    count = f"{len(servers)} server{'s' * (len(servers) != 1)}"
    return CheckResult(CheckStatus.OK, "permissions", f"complete in {count}; invite link: {link}")


def policy_line(settings: BotSettings) -> CheckResult:
    """Whether people on Discord are told where the operator's privacy policy is. Pure."""
    if settings.privacy_policy_url is not None:
        return CheckResult(
            CheckStatus.OK, "policy", f"/privacy names {settings.privacy_policy_url}"
        )
    if settings.discord_token is None:
        return CheckResult(CheckStatus.OK, "policy", "nobody needs one in the terminal")
    return CheckResult(
        CheckStatus.NOTE, "policy", "PRIVACY_POLICY_URL is not set, and Discord asks every bot for"
        " a privacy policy: where is yours?",
    )  # fmt: skip


def training_line(settings: BotSettings, exports: Sequence[MadeExport]) -> CheckResult:
    """Whether text from Discord may leave for training, and whether exports need deleting. Pure."""
    if stale := sum(export.forgotten > 0 for export in exports):
        return CheckResult(
            CheckStatus.BAD, "training", f"exports with words or ratings of people who were"
            f" forgotten: {stale}; `python -m data exports` lists them",
        )  # fmt: skip
    reference = settings.discord_training_permission
    if not reference:
        return CheckResult(
            CheckStatus.OK, "training", "no text from Discord leaves for training:"
            " DISCORD_TRAINING_PERMISSION is not set",
        )  # fmt: skip
    return CheckResult(
        CheckStatus.NOTE, "training", f"Discord's permission is recorded as {reference!r}: text of"
        " people who agreed may leave",
    )  # fmt: skip


def _exports(settings: BotSettings) -> Sequence[MadeExport]:
    if not settings.database.exists():
        return ()
    try:
        return made_exports(settings.database)
    except StoreError:
        return ()  # the database's own check says what is wrong with it


def _database(settings: BotSettings) -> CheckResult:
    found = next(check(settings.database))
    return CheckResult(
        CheckStatus.OK if found.is_sound else CheckStatus.BAD, "database", found.text
    )


async def _worker(settings: BotSettings) -> CheckResult:
    if settings.worker_url is None:
        lacking = [
            name for name in ("torch", "transformers", "bitsandbytes") if not find_spec(name)
        ]
        if lacking:
            return CheckResult(CheckStatus.BAD, "worker", f"not installed: {', '.join(lacking)}")
        return base_line(settings.base_model)
    key = settings.worker_api_key
    async with WorkerClient(
        settings.worker_url, key.get_secret_value() if key else None, read_timeout_s=10
    ) as client:
        try:
            names = ", ".join(card.id for card in await client.models())
        except ClientError as error:
            return CheckResult(CheckStatus.BAD, "worker", f"{settings.worker_url}: {error}")
    return CheckResult(CheckStatus.OK, "worker", f"{settings.worker_url} serves {names}")


def base_line(base_model: str) -> CheckResult:
    """Whether the base is one that the worker runs. A hub id is not checked: the worker fetches it.

    A folder that cannot be read is left to the worker, which says what is wrong with it.
    """
    reason = None if base_model == DEMO else folder_refusal(base_model)
    if reason is not None:
        return CheckResult(CheckStatus.BAD, "worker", f"BASE_MODEL: {reason}")
    return CheckResult(CheckStatus.OK, "worker", f"starts with the bot, with {base_model}")


def _adapters(settings: BotSettings) -> list[CheckResult]:
    if settings.worker_url is not None:
        return [CheckResult(CheckStatus.OK, "adapter", "the worker's own")]
    try:
        configured = configured_adapters(settings.adapters or None, settings.base_model)
    except ConfigError as error:
        return [CheckResult(CheckStatus.BAD, "adapter", str(error))]
    named = named_adapters(Registry(settings.fungpt_home), configured)
    if not named:
        return [
            CheckResult(
                CheckStatus.NOTE, "adapter", "ADAPTERS names none: only the base model answers"
            )
        ]
    return [adapter_line(adapter.name, adapter.source) for adapter in named]


def adapter_line(name: str, source: str) -> CheckResult:
    """Whether `source` is an adapter's folder. A hub id is not checked: the worker fetches it."""
    folder = Path(source).expanduser()
    if not folder.is_dir() and source.startswith(("/", ".", "~")):
        return CheckResult(CheckStatus.BAD, "adapter", f"{name}: there is no folder {folder}")
    if not folder.is_dir():
        return CheckResult(
            CheckStatus.NOTE, "adapter", f"{name} is no folder here: {source} is the hub's"
        )
    if not (folder / _WEIGHTS).is_file():
        return CheckResult(CheckStatus.BAD, "adapter", f"{name}: {folder} holds no {_WEIGHTS}")
    return CheckResult(CheckStatus.OK, "adapter", f"{name} in {folder}")


def _disk(home: Path) -> CheckResult:
    place = home.absolute()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    status = CheckStatus.OK if free >= _ENOUGH_BYTES else CheckStatus.BAD
    return CheckResult(status, "disk", f"{free / 1e9:.1f} GB free for {home}")
