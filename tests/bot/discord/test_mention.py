from tests.bot.discord.stage import stage


async def test_a_mention_is_answered_with_a_reply(tmp_path):
    async with stage(tmp_path) as on:
        guild = on.guild()
        channel = guild.create_text_channel("general")
        ann = guild.add_member(on.env.create_user("ann"))
        asked = await ann.send(channel, f"<@{on.bot.user.id}> Is water wet?")
        answer = channel.last_message
        print(on.env.transcript())
        assert answer.content.startswith("Hello there")
        assert answer.reference.message_id == asked.id
        assert on.worker.calls[0].turns == (("user", "Is water wet?"),)
