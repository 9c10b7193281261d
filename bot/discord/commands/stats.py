"""`/stats`: what people's ratings say about each model, in words and as a picture."""

import asyncio
import io
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import discord
from discord import app_commands

from bot.discord.client import FunBot
from bot.discord.commands.base import CommandCog
from bot.discord.commands.model import variant_choices
from bot.discord.commands.stats_plot import described, plot
from bot.ratings.statistics import MINIMUM_VOTES, Figures, figures
from bot.ratings.stats_lines import HEADINGS, NOTHING, cells, verdict_line

FILE_NAME = "ratings.png"
_LONGEST = 1900


async def setup(bot: FunBot) -> None:
    """Add `/stats`."""
    await bot.add_cog(StatsCommand(bot.services))


class StatsCommand(CommandCog):
    """Counts only, over all servers; nobody is named."""

    @app_commands.command(name="stats", description="How people rate the models")
    @app_commands.describe(
        variant="Only this model", days="Only answers of the last days; all if left out"
    )
    async def stats(
        self,
        interaction: discord.Interaction,
        variant: str | None = None,
        days: app_commands.Range[int, 1, 3650] | None = None,
    ) -> None:
        """Answer with the figures; the picture is drawn in a thread."""
        await interaction.response.defer()
        since = None if days is None else datetime.now(UTC) - timedelta(days=days)
        tallies = await self.services.store.tallies(variant=variant, since=since)
        if variant is not None and not tallies:
            await self._check(variant)
        rated = [figures(tally) for tally in tallies]
        picture = await asyncio.to_thread(plot, rated)
        await interaction.followup.send(
            report(rated, days),
            file=discord.File(io.BytesIO(picture), FILE_NAME, description=described(rated)),
        )

    @stats.autocomplete("variant")
    async def complete(
        self, _interaction: discord.Interaction, typed: str
    ) -> list[app_commands.Choice[str]]:
        """Offer the worker's variants; others that once answered can be typed."""
        return await variant_choices(self.services.chat.variants, typed)

    async def _check(self, variant: str) -> None:
        """Raise UnknownVariant for a name that is neither served nor has ever answered."""
        names = [tally.variant for tally in await self.services.store.tallies()]
        if variant not in names:
            await self.services.chat.variants.check(variant)


def report(all_figures: Sequence[Figures], days: int | None) -> str:
    """The figures in words, as much as fits into one message."""
    period = "" if days is None else f", last {days} day{'s' * (days != 1)}"
    if not all_figures:
        return f"**Ratings{period}**\n{NOTHING}"
    lines = [f"**Ratings{period}**"]
    for one in all_figures:
        lines += _lines(one)
    last = _verdict(all_figures)
    text = "\n".join(lines)
    if len(text) > _LONGEST:
        text = text[:_LONGEST].rpartition("\n")[0] + "\n…"
    return f"{text}\n{last}"


def _lines(one: Figures) -> list[str]:
    name, *values = cells(one)
    shown = ", ".join(f"{head} {cell}" for head, cell in zip(HEADINGS[1:], values, strict=True))
    few = "" if one.votes >= MINIMUM_VOTES else " – not enough votes yet"
    lines = [f"- **{name}**: {shown}{few}"]
    if one.votes:
        lines.append(f"  - of these by the askers themselves: 👍 {one.askers_good}, "
                     f"👎 {one.askers_bad}")  # fmt: skip
    return lines


def _verdict(all_figures: Sequence[Figures]) -> str:
    if len(all_figures) > 1:
        return verdict_line(all_figures)
    return "The percentages in brackets are the 95 % Wilson interval."
