import pytest
from discord.gateway import DiscordWebSocket
from discord.http import Route

from bot.discord.api.endpoints import use_endpoints
from bot.discord.identity import asking_message, channel_of, interaction_key, message_key


def test_only_what_is_given_is_changed(monkeypatch: pytest.MonkeyPatch):
    api, gateway = Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY
    monkeypatch.setattr(Route, "BASE", api)
    monkeypatch.setattr(DiscordWebSocket, "DEFAULT_GATEWAY", gateway)
    use_endpoints(None, None)
    assert (api, gateway) == (Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY)
    use_endpoints("http://proxy/api/", "ws://gate/")
    assert Route("GET", "/users/@me").url == "http://proxy/api/users/@me"
    assert str(DiscordWebSocket.DEFAULT_GATEWAY) == "ws://gate/"


def test_a_source_key_tells_where_to_answer():
    assert asking_message(message_key(1, 2)) == 2
    assert asking_message(interaction_key(3)) is None
    assert asking_message("terminal:abc") is None
    assert channel_of("discord:77") == 77
    assert channel_of("terminal") is None
