"""The doctor's look at the worker at `WORKER_URL`."""

from bot.checks import CheckResult, CheckStatus
from bot.config.settings import BotSettings
from model.client import Served, WorkerClient
from model.errors import ClientError

_SUBJECT = "worker"
_MOST_NAMES = 8


async def examine_worker(settings: BotSettings, url: str) -> CheckResult:
    """Ask the server as the bot does: for its health, and for its models."""
    key = settings.worker_api_key.get_secret_value() if settings.worker_api_key else None
    names = settings.model_names
    async with WorkerClient(url, key, names=names, read_timeout_s=10) as client:
        try:
            health = await client.health()
            if health.status != "ok":
                stage = health.error or health.stage or health.status
                return CheckResult(CheckStatus.NOTE, _SUBJECT, f"{url} is not ready: {stage}")
            cards = await client.models()
        except ClientError as error:
            return CheckResult(CheckStatus.BAD, _SUBJECT, f"{url}: {error}")
        return models_line(settings, url, [card.id for card in cards], client.served)


def models_line(settings: BotSettings, url: str, names: list[str], served: Served) -> CheckResult:
    """What the server at `url` serves, and whether it is what the settings name. Pure."""
    listed = {card.id for card in served.cards}
    if not names:
        return CheckResult(CheckStatus.BAD, _SUBJECT, f"{url} serves no model")
    unlisted = [theirs for theirs in settings.model_names.values() if theirs not in listed]
    if listed and unlisted:
        return CheckResult(
            CheckStatus.BAD, _SUBJECT, f"{url} does not list {', '.join(unlisted)}, which"
            f" WORKER_MODELS names; it lists {_some(sorted(listed))}",
        )  # fmt: skip
    text = f"{url} serves {_some(names)}"
    if settings.default_variant not in names:
        return CheckResult(
            CheckStatus.NOTE, _SUBJECT, f"{text}; {names[0]} answers where nobody chose, as none is"
            f" called DEFAULT_VARIANT={settings.default_variant} (WORKER_MODELS can name them)",
        )  # fmt: skip
    return CheckResult(CheckStatus.OK, _SUBJECT, text)


def _some(names: list[str]) -> str:
    """The first names of a list that may be as long as a shop's."""
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return f"{', '.join(names[:_MOST_NAMES]) or 'none'}{more}"
