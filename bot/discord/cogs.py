"""Building every cog there is, each with just what it needs."""

from dataclasses import dataclass

from discord.ext import commands

from bot.discord.asking.desk import Desk
from bot.discord.asking.messages import MessageListener
from bot.discord.asking.missed import MissedChanges
from bot.discord.commands.ask import AskCommands
from bot.discord.commands.buttons import AnswerButtons
from bot.discord.commands.edited import EditedQuestions
from bot.discord.commands.forgetting import Forgetting
from bot.discord.commands.model import ModelCommands
from bot.discord.commands.persona import PersonaCommands
from bot.discord.commands.privacy import PrivacyCommands
from bot.discord.commands.settings import SettingsCommands
from bot.discord.commands.stats import StatsCommand
from bot.discord.commands.status import MetricsCog, StatusCommand
from bot.discord.commands.thread import ThreadCommand
from bot.discord.metrics import Metrics
from bot.discord.ratings.offer import EarlyReactions
from bot.discord.ratings.reactions import RatingReactions
from bot.discord.ratings.reconcile import Reconcile
from bot.discord.upkeep import Upkeep
from bot.front_end import Services


@dataclass(frozen=True, slots=True)
class CogParts:
    """What several cogs of one bot share; `metrics` is None where no figures are wanted."""

    services: Services
    desk: Desk
    early: EarlyReactions
    metrics: Metrics | None


def make_cogs(bot: commands.AutoShardedBot, parts: CogParts) -> list[commands.Cog]:
    """The cogs in the order in which they are added to the bot."""
    services, desk = parts.services, parts.desk
    ratings = RatingReactions(bot, services, parts.early)
    cogs: list[commands.Cog] = [
        MessageListener(bot, services, desk),
        MissedChanges(bot, services, desk),
        AskCommands(services, desk, bot.tree),
        AnswerButtons(services, desk),
        EditedQuestions(bot, services, desk),
        ModelCommands(services, desk.admission),
        PersonaCommands(services),
        SettingsCommands(services),
        ThreadCommand(services),
        ratings,
        Reconcile(bot, services, ratings),
        StatsCommand(services),
        PrivacyCommands(services, Forgetting(bot, services, desk.cache)),
        StatusCommand(bot, services),
        Upkeep(bot, services),
    ]
    port = services.settings.metrics_port
    if port and parts.metrics is not None:
        cogs.append(MetricsCog(bot, parts.metrics, port))
    return cogs
