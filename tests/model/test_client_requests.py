"""What servers of others refuse, and how they are asked from then on."""

import pytest
from aiohttp import web

from data.records import Turn
from model.errors import WorkerRefused
from model.sampling import SamplingParams
from tests.fakes.plain_server import HI, chunk, collect, sse

GOING_ON = ("continue_final_message", "add_generation_prompt")
BEGUN = (*HI, Turn("assistant", "tuned:"))
OWN_FIELDS = SamplingParams(
    max_tokens=9, temperature=0.8, top_p=0.95, top_k=2, min_p=0.1, repetition_penalty=1.05, seed=4
)


def picky(refuse, bodies):
    """A server that refuses a request as `refuse` says, and answers it otherwise."""

    async def chat(request: web.Request) -> web.StreamResponse:
        body = await request.json()
        bodies.append(body)
        if refusal := refuse(body):
            status, said = refusal
            return web.json_response(said, status=status)
        return await sse(chunk("a", '"stop"'))(request)

    return chat


def message(text: str, param: str | None = None) -> dict[str, object]:
    return {"error": {"message": text, "param": param}}


@pytest.mark.parametrize(
    ("field", "status", "said"),
    [
        ("top_k", 400, message("Unknown parameter: 'top_k'.", "top_k")),
        ("top_k", 400, message("Unrecognized request argument supplied: top_k")),
        ("min_p", 400, message("property 'min_p' is unsupported")),
        ("seed", 400, {"error": "seed is not supported with this model"}),
        (
            "repetition_penalty",
            422,
            {
                "detail": [
                    {
                        "type": "extra_forbidden",
                        "loc": ["body", "repetition_penalty"],
                        "msg": "Extra inputs are not permitted",
                    }
                ]
            },
        ),
        ("stream_options", 400, message("stream_options: Unexpected field")),
        ("temperature", 400, message("Unsupported value: 'temperature' does not support 0.8")),
    ],
)
async def test_a_field_that_is_refused_is_left_out_from_then_on(
    serve, connect, caplog, field, status, said
):
    bodies: list[dict[str, object]] = []
    client = connect(
        await serve(chat=picky(lambda body: (status, said) if field in body else None, bodies))
    )
    for _ in range(2):
        assert (await collect(client, OWN_FIELDS))[0] == "a"
    assert [field in body for body in bodies] == [True, False, False]
    assert bodies[0].keys() - bodies[1].keys() == {field}
    assert caplog.text.count(f"without {field} from now on") == 1


async def test_several_fields_and_a_new_name_are_learnt_one_after_the_other(serve, connect):
    def refuse(body):
        if "top_k" in body or "min_p" in body:
            return 400, message("Unknown parameters: top_k, min_p")
        if "max_tokens" in body:
            return 400, message(
                "Unsupported parameter: 'max_tokens' is not supported with this model."
                " Use 'max_completion_tokens' instead.",
                "max_tokens",
            )
        return None

    bodies: list[dict[str, object]] = []
    client = connect(await serve(chat=picky(refuse, bodies)))
    assert (await collect(client, OWN_FIELDS))[0] == "a"
    assert len(bodies) == 3
    assert bodies[-1]["max_completion_tokens"] == 9
    assert not {"max_tokens", "top_k", "min_p"} & bodies[-1].keys()


@pytest.mark.parametrize(
    "said",
    [
        message("temperature must be in [0, 2], got 9.0.", "temperature"),
        message("Unsupported value: 'messages' does not support that", "messages"),
        message("top_k is too small"),
    ],
)
async def test_a_bad_value_is_told_and_not_left_out(serve, connect, said):
    bodies: list[dict[str, object]] = []
    client = connect(await serve(chat=picky(lambda _: (400, said), bodies)))
    with pytest.raises(WorkerRefused):
        await collect(client, OWN_FIELDS)
    assert len(bodies) == 1


@pytest.mark.parametrize(
    "said",
    [
        "System role not supported",
        "The system role is not supported by this model",
        "Only user and assistant roles are supported!",
        "Conversation roles must alternate user/assistant/user/assistant/...",
        "Developer instruction is not enabled: this model does not support system messages",
    ],
)
async def test_a_server_without_a_system_role_gets_it_with_the_first_message(serve, connect, said):
    def refuse(body):
        roles = [one["role"] for one in body["messages"]]
        return (400, message(said)) if "system" in roles else None

    bodies: list[dict[str, object]] = []
    client = connect(await serve(chat=picky(refuse, bodies)))
    turns = (Turn("system", "Be kind."), *HI)
    for _ in range(2):
        assert (await collect(client, turns=turns))[0] == "a"
    assert len(bodies) == 3
    assert bodies[-1]["messages"] == [{"role": "user", "content": "Be kind.\n\nhi"}]


async def test_whether_to_go_on_is_told_by_the_last_turn(serve, connect):
    bodies: list[dict[str, object]] = []
    client = connect(await serve(chat=picky(lambda _: None, bodies)))
    await collect(client)
    await collect(client, turns=BEGUN)
    assert [body.get(flag) for body in bodies for flag in GOING_ON] == [None, None, True, False]


async def test_our_worker_goes_on_with_the_assistants_last_turn(connect, start_worker):
    ours = connect((await start_worker()).url)
    assert (await collect(ours, turns=BEGUN))[0] == " hi"


@pytest.mark.parametrize(
    "said",
    [
        message("Unknown parameter: 'continue_final_message'.", "continue_final_message"),
        message("Unrecognized request argument supplied: add_generation_prompt"),
        message("Conversation roles must alternate, and the last must be the user's"),
        message("After the optional system message, roles must alternate user/assistant"),
    ],
)
async def test_a_server_that_cannot_go_on_is_not_asked_for_another_answer(serve, connect, said):
    """Without the fields it would answer anew; whoever asks has to put it in words."""
    bodies: list[dict[str, object]] = []
    client = connect(
        await serve(chat=picky(lambda body: (400, said) if GOING_ON[0] in body else None, bodies))
    )
    system = Turn("system", "Be kind.")
    with pytest.raises(WorkerRefused) as refused:
        await collect(client, turns=(system, *BEGUN))
    assert refused.value.is_of_form
    assert (await collect(client, turns=(system, *BEGUN, *HI)))[0] == "a"
    assert len(bodies) == 2
    assert bodies[1]["messages"] == [{"role": one.role, "content": one.content}
                                     for one in (system, *BEGUN, *HI)]  # fmt: skip


async def test_another_field_is_left_out_of_a_request_to_go_on(serve, connect):
    said = message("Unsupported: top_k, continue_final_message")
    bodies: list[dict[str, object]] = []
    refuse = picky(lambda body: (400, said) if "top_k" in body else None, bodies)
    client = connect(await serve(chat=refuse))
    assert (await collect(client, OWN_FIELDS, turns=BEGUN))[0] == "a"
    assert [("top_k" in body, body[GOING_ON[0]]) for body in bodies] == [
        (True, True),
        (False, True),
    ]
