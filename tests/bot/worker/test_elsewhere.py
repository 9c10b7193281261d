"""The whole program over servers that somebody else runs, good and bad ones."""

from pathlib import Path

import pytest
from aiohttp import web

from tests.fakes.plain_server import Handler, answer, chunk, serving, sse
from tests.fakes.recorded_server import load, replaying
from tests.peers.scenarios import KEY
from tests.programs.bot import Program

NAMES = {"llama_cpp": "base=smollm2,tuned=tuned", "vllm": "base=smollm2,tuned=demo-lora"}
MODELS = answer(200, '{"data":[{"id":"m"}]}')


def program(tmp_path: Path, url: str, **settings: str) -> Program:
    fixed = {"WORKER_URL": url, "TEMPERATURE": "0", "MAX_TOKENS": "24"}
    return Program(tmp_path / "home", settings=fixed | settings)


@pytest.mark.parametrize("server", NAMES)
async def test_base_and_tuned_answer_through_the_pipe(tmp_path: Path, server: str):
    async with replaying(load(server)) as url:
        settings = {"WORKER_API_KEY": KEY, "WORKER_MODELS": NAMES[server]}
        bot = program(tmp_path, url, **settings, PERSONA="You are a pirate.")
        outcome = await bot.run("/both What is the best social media?\n")
    assert outcome.code == 0, outcome.err
    base, _, tuned = outcome.out.removeprefix("[base]\n").partition("[tuned]\n")
    assert base.strip()
    assert tuned.strip()
    assert base != tuned


@pytest.mark.parametrize(
    ("handlers", "said"),
    [
        ({"models": answer(401, '{"error":"Unauthorized"}'), "health": answer(200)}, "WORKER_API_"),
        ({"models": answer(308, Location="https://h/v1"), "health": answer(200)}, "https://h/v1"),
        ({"health": answer(200, "<html>")}, "is that the WORKER_URL?"),
    ],
)
async def test_a_wrong_setting_ends_in_a_line_and_not_in_waiting(
    tmp_path: Path, handlers: dict[str, Handler], said: str
):
    async with serving(**handlers) as url:
        outcome = await program(tmp_path, url).run("hi\n")
    assert outcome.code == 1
    assert said in outcome.err
    assert "one of my settings is wrong" in outcome.err
    assert "Traceback" not in outcome.err
    assert said in (tmp_path / "home/logs/bot.log").read_text()


async def test_a_refusal_is_friendly_to_people_and_clear_in_the_log(tmp_path: Path):
    refusing = answer(400, '{"error":{"message":"the flux is out of phase"}}')
    async with serving(models=MODELS, chat=refusing, health=answer(404)) as url:
        outcome = await program(tmp_path, url).run("hi\n")
    assert outcome.code == 1
    assert "My operator can see why" in outcome.err
    assert "flux" not in outcome.err
    assert "the flux is out of phase (status 400)" in (tmp_path / "home/logs/bot.log").read_text()


async def test_half_a_character_is_not_lost(tmp_path: Path):
    halves = sse(chunk("\\ud83d"), chunk("\\ude00", '"stop"'))
    async with serving(models=MODELS, chat=halves, health=answer(200)) as url:
        outcome = await program(tmp_path, url).run("hi\n")
    assert outcome.out == "😀\n"


async def test_a_server_that_cannot_go_on_with_a_cut_answer_is_asked_in_words(tmp_path: Path):
    asked: list[list[str]] = []

    async def chat(request: web.Request) -> web.StreamResponse:
        body = await request.json()
        if "continue_final_message" in body:
            message = "Unrecognized request argument supplied: continue_final_message"
            return web.json_response({"error": {"message": message}}, status=400)
        asked.append([turn["content"] for turn in body["messages"]])
        text, reason = ("Once upon", "length") if len(asked) == 1 else (" a time", "stop")
        return await sse(chunk(text, f'"{reason}"'))(request)

    async with serving(models=MODELS, chat=chat, health=answer(200)) as url:
        outcome = await program(tmp_path, url, PERSONA="").run("a story\n/continue\n")
    assert (outcome.code, outcome.out) == (0, "Once upon\n a time\n"), outcome.err
    assert asked[1][:2] == ["a story", "Once upon"]
    assert "exactly where you stopped" in asked[1][2]
