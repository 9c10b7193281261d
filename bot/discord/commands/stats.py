"""`/stats`: what people's ratings say about each model, in words and as a picture."""

import asyncio
import io
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import discord
from discord import app_commands

from bot.discord.commands.base import CommandCog, as_many_as_fit, defer_openly
from bot.discord.commands.model import variant_choices
from bot.discord.commands.stats_plot import described, plot
from bot.ratings.statistics import MINIMUM_VOTES, Figures, figures
from bot.ratings.stats_lines import HEADINGS, NOTHING, cells, verdict_line

FILE_NAME = "ratings.png"


class StatsCommand(CommandCog):
    """Shows counts over all servers; names nobody."""

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
        """Answer with the figures in words and as a picture."""
        await defer_openly(interaction)
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
        """Offer the worker's variants; a variant that answered in the past can be typed."""
        return await variant_choices(self.services.chat.variants, typed)

    async def _check(self, variant: str) -> None:
        """Raise UnknownVariant for a name that is neither served nor has ever answered."""
        names = [tally.variant for tally in await self.services.store.tallies()]
        if variant not in names:
            await self.services.chat.variants.check(variant)


def report(all_figures: Sequence[Figures], days: int | None) -> str:
    """The figures of the last `days` days (None: of all) in words that fit into one message.

    Pure.
    """
    period = "" if days is None else f", last {days} day{'s' * (days != 1)}"
    if not all_figures:
        return f"**Ratings{period}**\n{NOTHING}"
    lines = [f"**Ratings{period}**"]
    for one in all_figures:
        lines += _lines(one)
    return f"{as_many_as_fit(lines)}\n{_verdict(all_figures)}"


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
