"""Personas saved under a name: used in another channel, after a restart, exported, offered."""

import json
from pathlib import Path

from tests.bot.wire.reading import answer_in, command, shown, turns
from tests.programs.bot_on_discord import running


async def test_a_saved_persona_is_kept_used_listed_and_handed_out(tmp_path: Path):
    script = {"reply": "{variant}, {turns} turns: {prompt}", "step_seconds": 0.0}
    async with running(tmp_path / "home", script=script) as bot:
        discord = bot.discord
        room, other, owner = discord.channel(), discord.channel(), discord.guild.owner
        await command(discord, room, owner, "persona set", text="You are a pirate.")
        assert "Saved as **Pirate**" in await command(
            discord, room, owner, "persona save", name="Pirate"
        )
        assert await bot.end() == 0
        await bot.start()
        offered = await discord.autocomplete(other, owner, "persona use", "name", "pi")
        assert offered == ["Pirate"]
        eve = discord.user("Eve")
        assert "Manage Server" in await command(discord, other, eve, "persona use", name="Pirate")
        await command(discord, other, owner, "persona use", name="pirate")
        question = await bot.ask(other, eve, "ahoy?")
        assert shown(await answer_in(discord, other, after=question)) == "tuned, 2 turns: ahoy?"
        assert turns(bot, other)[0] == {"role": "system", "content": "You are a pirate."}
        assert "**Pirate**: You are a pirate." in await command(discord, room, eve, "persona list")
        data = await discord.settled(await discord.slash(room, owner, "mydata"))
        [row] = json.loads(data.messages[0].files[0].data)["personas"]
        assert (row["name"], row["text"]) == ("Pirate", "You are a pirate.")
        assert "deleted" in await command(discord, room, owner, "persona delete", name="Pirate")
        assert "No persona is saved" in await command(discord, room, eve, "persona list")
