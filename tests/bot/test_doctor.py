"""What the doctor says, about a Discord on the loopback address among other things."""

import json
from datetime import UTC, datetime
from pathlib import Path

import discord
import pytest
from discord.gateway import DiscordWebSocket
from discord.http import Route

from bot.discord.api.application import (
    PERMISSIONS,
    Application,
    Server,
    invite_link,
    look_up,
    missing,
    title,
)
from bot.discord.api.endpoints import use_endpoints
from bot.doctor import (
    CheckResult,
    CheckStatus,
    adapter_line,
    base_line,
    examine,
    intents_line,
    permissions_line,
    policy_line,
    training_line,
)
from bot.errors import SettingsError
from data.records import MadeExport
from data.store.store import Store
from tests.bot.rig import make_settings
from tests.discord_server.server import serve
from tests.programs.bot import Program

FUN = Application(42, "Fun", content_granted=True)
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def endpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is set for the whole process is set back."""
    monkeypatch.setattr(Route, "BASE", Route.BASE)
    monkeypatch.setattr(DiscordWebSocket, "DEFAULT_GATEWAY", DiscordWebSocket.DEFAULT_GATEWAY)


def settings(home: Path, **changes: object):
    return make_settings(fungpt_home=home, **changes)


async def lines(home: Path, **changes: object) -> dict[str, CheckResult]:
    return {line.subject: line async for line in examine(settings(home, **changes))}


async def test_without_a_token_it_says_so_and_goes_on(tmp_path: Path):
    found = await lines(tmp_path)
    assert list(found) == [
        "token", "intents", "permissions", "policy", "training", "database", "worker", "adapter",
        "disk",
    ]  # fmt: skip
    assert found["token"].status is CheckStatus.NOTE
    assert "not there yet" in found["database"].text
    assert found["disk"].status is CheckStatus.OK


async def test_with_a_token_it_asks_discord(tmp_path: Path):
    async with serve() as server:
        env = {key.lower(): value for key, value in server.environment.items()}
        found = await lines(tmp_path, **env)
        assert found["token"].status is CheckStatus.OK
        assert "with message content" in found["intents"].text
        assert "1 server" in found["permissions"].text or "lacks" in found["permissions"].text


async def test_a_wrong_token_is_said_without_showing_it(tmp_path: Path):
    async with serve() as server:
        env = {key.lower(): value for key, value in server.environment.items()}
        found = await lines(tmp_path, **{**env, "discord_token": "wrong.token.here"})
        assert found["token"].status is CheckStatus.BAD
        assert "wrong" not in str(found["token"])
        assert found["intents"].status is CheckStatus.NOTE
        use_endpoints(env["discord_api_url"], None)
        with pytest.raises(SettingsError):
            await look_up("wrong.token.here")


async def test_a_discord_that_is_away_is_said(tmp_path: Path):
    found = await lines(tmp_path, discord_token="a.b.c", discord_api_url="http://127.0.0.1:9/api")
    assert found["token"].status is CheckStatus.BAD
    assert "cannot be asked" in found["token"].text


def test_it_asks_for_the_operators_privacy_policy():
    home = Path("x")
    asked = policy_line(settings(home, discord_token="a.b.c"))
    assert (asked.status, asked.text[:29]) == (CheckStatus.NOTE, "PRIVACY_POLICY_URL is not set")
    given = {"discord_token": "a.b.c", "privacy_policy_url": "https://example.org/p"}
    found = policy_line(settings(home, **given))
    assert (found.status, found.text) == (CheckStatus.OK, "/privacy names https://example.org/p")
    assert policy_line(settings(home)).status is CheckStatus.OK


async def test_it_says_whether_discord_text_may_leave_and_what_is_to_be_deleted(tmp_path: Path):
    found = await lines(tmp_path)
    assert "no text from Discord leaves" in found["training"].text
    found = await lines(tmp_path, discord_training_permission=" ticket 7 ")
    assert (found["training"].status, "'ticket 7'" in found["training"].text) == (
        CheckStatus.NOTE,
        True,
    )
    now = datetime(2026, 1, 1, tzinfo=UTC)
    made = [MadeExport("1", "/out", "", None, now, 4, forgotten) for forgotten in (0, 2)]
    assert training_line(settings(tmp_path), made[:1]).status is CheckStatus.OK
    stale = training_line(settings(tmp_path), made)
    assert (stale.status, "forgotten: 1; " in stale.text) == (CheckStatus.BAD, True)


async def test_a_damaged_database_is_said(tmp_path: Path):
    async with await Store.open(tmp_path / "fungpt.db"):
        pass
    assert "schema" in (await lines(tmp_path))["database"].text
    (tmp_path / "fungpt.db").write_bytes(b"no database" * 1000)
    assert (await lines(tmp_path))["database"].status is CheckStatus.BAD


async def test_a_base_that_does_not_run_is_said_without_loading_it(tmp_path: Path):
    (tmp_path / "gemma").mkdir()
    config = tmp_path / "gemma" / "config.json"
    config.write_text('{"architectures": ["Gemma2ForCausalLM"], "hidden_act": "gelu"}')
    found = (await lines(tmp_path, base_model=str(config.parent)))["worker"]
    assert (found.status, "\n" in found.text) == (CheckStatus.BAD, False)
    assert "BASE_MODEL: gemma is a Gemma2ForCausalLM, which does not run here" in found.text


@pytest.mark.parametrize(
    "text", ['{"architectures": ["Qwen2ForCausalLM"]}', "{", "[]", None], ids=str
)
def test_a_base_that_runs_or_cannot_be_judged_is_left_to_the_worker(tmp_path: Path, text):
    if text is not None:
        (tmp_path / "config.json").write_text(text)
    assert base_line(str(tmp_path)).status is CheckStatus.OK
    assert base_line("~nobody-here/x").status is base_line("owner/name").status is CheckStatus.OK


async def test_a_remote_worker_is_asked(tmp_path: Path):
    found = await lines(tmp_path, worker_url="http://127.0.0.1:9")
    assert found["worker"].status is CheckStatus.BAD
    assert found["adapter"].text == "the worker's own"


def test_which_intents_it_works_with():
    home = Path("x")
    with_it = intents_line(settings(home), FUN)
    assert (with_it.status, with_it.text[:4]) == (CheckStatus.OK, "with")
    off = intents_line(settings(home, discord_message_content="off"), FUN)
    assert off.text.startswith("without")
    bare = Application(42, "Fun", content_granted=False)
    assert intents_line(settings(home), bare).text.startswith("without")
    on = intents_line(settings(home, discord_message_content="on"), bare)
    assert on.status is CheckStatus.BAD


def test_what_is_missing_is_named():
    assert permissions_line(FUN, []).status is CheckStatus.NOTE
    good = permissions_line(FUN, [Server("A", PERMISSIONS.value)])
    assert (good.status, "1 server" in good.text) == (CheckStatus.OK, True)
    less = discord.Permissions(PERMISSIONS.value)
    less.add_reactions = False
    bad = permissions_line(FUN, [Server("A", PERMISSIONS.value), Server("B", less.value)])
    assert bad.status is CheckStatus.BAD
    assert "B lacks Add Reactions" in bad.text
    assert missing(discord.Permissions(administrator=True).value) == []


def test_adapters(tmp_path: Path):
    assert adapter_line("tuned", "someone/adapter").status is CheckStatus.NOTE
    assert adapter_line("tuned", f"{tmp_path}/none").status is CheckStatus.BAD
    assert adapter_line("tuned", f"{tmp_path}").status is CheckStatus.BAD
    (tmp_path / "adapter_config.json").write_text("{}")
    assert adapter_line("tuned", f"{tmp_path}").status is CheckStatus.OK


async def test_adapters_of_the_settings(tmp_path: Path):
    found = await lines(tmp_path, base_model="other")
    assert found["adapter"].status is CheckStatus.NOTE
    for wrong in ("a=x/y, b", "tuned"):
        found = await lines(tmp_path, base_model="other", adapters=wrong)
        assert found["adapter"].status is CheckStatus.BAD
    found = await lines(tmp_path, adapters="none")
    assert found["adapter"].status is CheckStatus.NOTE


async def test_a_promoted_adapter_is_the_one_that_is_looked_at(tmp_path: Path):
    version = "0123456789abcdef"
    folder = tmp_path / "adapters" / "tuned" / version
    folder.mkdir(parents=True)
    (folder / "adapter_config.json").write_text("{}")
    entry = {"version": version, "adapter": "a", "adapter_hash": "h", "promoted": "2025-01-01"}
    (folder.parent / "current").write_text(json.dumps({"format": 1, "promotions": [entry]}))
    found = await lines(tmp_path, base_model="other", adapters="tuned=x/y")
    assert (found["adapter"].status, found["adapter"].text) == (
        CheckStatus.OK,
        f"tuned in {folder}",
    )


def test_the_invite_link_asks_for_exactly_what_the_guide_says():
    link = invite_link(42)
    assert f"permissions={PERMISSIONS.value}" in link
    assert "scope=bot+applications.commands" in link
    guide = (ROOT / "docs" / "discord.md").read_text(encoding="utf-8")
    for page in (guide, (ROOT / "README.md").read_text(encoding="utf-8")):
        assert f"permissions={PERMISSIONS.value}\n" in page.replace("`", "")
    for name, needed in PERMISSIONS:
        assert not needed or f"| {title(name)} |" in guide


async def test_the_doctor_is_a_command(tmp_path: Path):
    program = Program(tmp_path / "home", settings={"BASE_MODEL": "other", "ADAPTERS": "nonsense"})
    outcome = await program.run("", "-m", "bot", "doctor")
    printed = outcome.out.splitlines()
    assert len(printed) == 9
    assert printed[0].startswith("note token")
    assert printed[7].startswith("BAD  adapter")
    assert (outcome.code, outcome.err) == (1, "")
