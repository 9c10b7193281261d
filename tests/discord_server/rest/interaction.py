"""Answers to interactions: the callback, and the messages behind its token."""

from tests.discord_server.rest.calls import Call
from tests.discord_server.rest.channel import forbid_words
from tests.discord_server.rest.checks import check_choices, check_length, check_message
from tests.discord_server.rest.router import Routes
from tests.discord_server.state.interactions import (
    ANSWER_LIMIT_S,
    Interaction,
    InteractionKind,
    ResponseKind,
)
from tests.discord_server.state.messages import EPHEMERAL, LOADING, Json, Message, MessageKind
from tests.discord_server.state.payloads import user_json
from tests.discord_server.state.refusals import (
    Refused,
    bad_form,
    unknown,
    unknown_interaction,
    unknown_message,
)
from tests.discord_server.state.world import World

routes = Routes()
HOOK = "/webhooks/{application}/{token}"
_TO_A_MESSAGE = (ResponseKind.DEFERRED_UPDATE, ResponseKind.UPDATE)


@routes("POST /interactions/{interaction}/{token}/callback")
def respond(world: World, call: Call) -> Json | None:
    interaction = world.interactions.get(call.args["token"])
    if interaction is None or str(interaction.id) != call.args["interaction"]:
        raise unknown_interaction()
    if interaction.response is not None:
        raise Refused(400, 40060, "Interaction has already been acknowledged.")
    if world.clock() - interaction.at > ANSWER_LIMIT_S:
        raise unknown_interaction()
    kind = ResponseKind(call.body["type"])
    data = call.body.get("data") or {}
    message = _answer(world, interaction, kind, data, call)
    interaction.response, interaction.answered_at = kind, world.clock()
    if call.query.get("with_response") not in ("1", "true", "True"):
        return None
    return _response_json(world, interaction, kind, message)


def _answer(
    world: World, interaction: Interaction, kind: ResponseKind, data: Json, call: Call
) -> Message | None:
    typing = interaction.kind is InteractionKind.AUTOCOMPLETE
    if typing != (kind is ResponseKind.CHOICES):
        raise bad_form(
            "type", "INTERACTION_TYPE_INVALID", f"{kind.name} to {interaction.kind.name}"
        )
    if kind in _TO_A_MESSAGE and interaction.message is None:
        raise bad_form("type", "INTERACTION_TYPE_INVALID", "there is no message to update")
    match kind:
        case ResponseKind.CHOICES:
            check_choices(data["choices"])
            interaction.choices = data["choices"]
        case ResponseKind.MODAL:
            check_length("data.title", data["title"], 45, 1)
            interaction.modal = data
        case ResponseKind.DEFERRED_UPDATE:
            interaction.original = interaction.message
        case ResponseKind.UPDATE:
            assert interaction.message is not None
            check_message(data, len(call.files), new=False)
            interaction.original = interaction.message
            _rewrite(world, interaction.message, data, call)
        case ResponseKind.MESSAGE:
            check_message(data, len(call.files))
            interaction.original = _say(world, interaction, data, call)
        case ResponseKind.DEFERRED_MESSAGE:
            flags = (data.get("flags") or 0) & EPHEMERAL | LOADING
            interaction.original = _say(world, interaction, {"flags": flags}, call)
    return interaction.original


def _say(world: World, interaction: Interaction, body: Json, call: Call) -> Message:
    message = world.make(interaction.channel, world.me, body, call.files)
    is_command = interaction.kind is InteractionKind.COMMAND
    message.kind = MessageKind.COMMAND if is_command else MessageKind.REPLY
    message.webhook_id = world.me.id
    message.interaction = {
        "id": str(interaction.id),
        "type": int(interaction.kind),
        "user": user_json(interaction.user),
        "authorizing_integration_owners": {},
    }
    if interaction.message is not None:
        message.interaction["interacted_message_id"] = str(interaction.message.id)
    return world.post(message)


def _rewrite(world: World, message: Message, body: Json, call: Call) -> Message:
    world.write(message, body, call.files)
    message.flags &= ~LOADING
    world.edited(message)
    return message


def _response_json(
    world: World, interaction: Interaction, kind: ResponseKind, message: Message | None
) -> Json:
    about: Json = {
        "id": str(interaction.id),
        "type": int(interaction.kind),
        "channel_id": str(interaction.channel.id),
    }
    answer: Json = {"interaction": about}
    if message is not None:
        about["response_message_id"] = str(message.id)
        about["response_message_loading"] = message.thinking
        about["response_message_ephemeral"] = message.ephemeral
        answer["resource"] = {"type": int(kind), "message": world.shown(message)}
    return answer


def _interaction(world: World, call: Call) -> Interaction:
    interaction = world.interactions.get(call.args["token"])
    if interaction is None or call.args["application"] != str(world.me.id):
        raise unknown("Webhook", 10015)
    interaction.check_token(world.clock())
    if interaction.response is None:
        raise unknown("Webhook", 10015)
    return interaction


def _meant(interaction: Interaction, id_: str) -> Message:
    found = [one for one in interaction.messages if str(one.id) == id_ and not one.deleted]
    if id_ == "@original" and interaction.original and not interaction.original.deleted:
        return interaction.original
    if not found:
        raise unknown_message()
    return found[0]


@routes("POST " + HOOK)
def follow_up(world: World, call: Call) -> Json:
    interaction = _interaction(world, call)
    check_message(call.body, len(call.files))
    first = interaction.original
    # The first follow-up takes the place of "thinking".
    if first is not None and first.thinking and not first.deleted:
        return world.shown(_rewrite(world, first, call.body, call))
    message = _say(world, interaction, call.body, call)
    message.reference = first
    interaction.followups.append(message)
    return world.shown(message)


@routes(f"GET {HOOK}/messages/{{message}}")
def get_answer(world: World, call: Call) -> Json:
    return world.shown(_meant(_interaction(world, call), call.args["message"]))


@routes(f"PATCH {HOOK}/messages/{{message}}")
def edit_answer(world: World, call: Call) -> Json:
    message = _meant(_interaction(world, call), call.args["message"])
    check_message(call.body, len(call.files), new=False)
    forbid_words(world, call.body)
    return world.shown(_rewrite(world, message, call.body, call))


@routes(f"DELETE {HOOK}/messages/{{message}}")
def delete_answer(world: World, call: Call) -> None:
    message = _meant(_interaction(world, call), call.args["message"])
    if message.ephemeral:
        message.deleted = True
    else:
        world.delete(message)
