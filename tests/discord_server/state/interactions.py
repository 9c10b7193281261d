"""What a person's slash command, click or typing becomes, and how far its answer has come."""

import secrets
from dataclasses import dataclass, field
from enum import IntEnum

from tests.discord_server.state.messages import Json, Message
from tests.discord_server.state.places import Channel, User
from tests.discord_server.state.refusals import Refused

ANSWER_LIMIT_S = 3.0
TOKEN_LIFE_S = 15 * 60.0


class InteractionKind(IntEnum):
    COMMAND = 2
    COMPONENT = 3
    AUTOCOMPLETE = 4
    MODAL = 5


class ResponseKind(IntEnum):
    MESSAGE = 4
    DEFERRED_MESSAGE = 5
    DEFERRED_UPDATE = 6
    UPDATE = 7
    CHOICES = 8
    MODAL = 9


@dataclass(eq=False)
class Interaction:
    """One interaction; `response` None means that the bot has not answered yet."""

    id: int
    kind: InteractionKind
    user: User
    channel: Channel
    at: float
    data: Json
    message: Message | None = None  # that the component sits on
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    response: ResponseKind | None = None
    answered_at: float | None = None
    original: Message | None = None
    followups: list[Message] = field(default_factory=list)
    choices: list[Json] = field(default_factory=list)
    modal: Json | None = None
    expired: bool = False

    @property
    def messages(self) -> list[Message]:
        """Everything the bot said to it."""
        return [*([self.original] if self.original else []), *self.followups]

    @property
    def text(self) -> str:
        """What can be read of the answer by now."""
        return "\n".join(message.texts for message in self.messages)

    @property
    def settled(self) -> bool:
        """Whether the bot said more than that it is thinking."""
        if self.response is ResponseKind.DEFERRED_MESSAGE:
            return self.original is not None and not self.original.thinking
        return self.response is not None

    def check_token(self, now: float) -> None:
        """Refuse what comes after the token's life."""
        if self.expired or now - self.at > TOKEN_LIFE_S:
            raise Refused(401, 50027, "Invalid Webhook Token")
