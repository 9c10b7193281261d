"""Every client lists models and chats with the demo model."""

import pytest

from tests.clients.answers import Client, Place, Turns, joined

HI: Turns = [{"role": "user", "content": "Say hello."}]
GREEDY = {"temperature": 0.0, "max_tokens": 12}
DRAWN = {"temperature": 1.0, "max_tokens": 12}


def test_models_are_listed(client: Client, demo: Place):
    assert client.models(demo) == ["base", "tuned"]


def test_an_answer_is_the_same_whole_and_streamed(client: Client, demo: Place):
    for model in ("base", "tuned"):
        whole = client.ask(demo, HI, model, **GREEDY)
        assert whole.texts[0].strip()
        assert joined(client.stream(demo, HI, model, **GREEDY)).texts == whole.texts


def test_usage_is_counted_whole_and_streamed(client: Client, demo: Place):
    whole = client.ask(demo, HI, **GREEDY)
    streamed = joined(client.stream(demo, HI, **GREEDY))
    assert whole.prompt_tokens == streamed.prompt_tokens
    assert whole.completion_tokens == streamed.completion_tokens
    assert (whole.prompt_tokens or 0) > 10
    assert 0 < (whole.completion_tokens or 0) <= 12


def test_a_system_prompt_changes_the_answer(client: Client, demo: Place):
    told: Turns = [{"role": "system", "content": "You are a pirate."}, *HI]
    plain, pirate = client.ask(demo, HI, **GREEDY), client.ask(demo, told, **GREEDY)
    assert pirate.texts != plain.texts
    assert pirate.prompt_tokens != plain.prompt_tokens


def test_several_turns_are_all_read(client: Client, demo: Place):
    turns: Turns = [
        *HI,
        {"role": "assistant", "content": "Hello!"},
        {"role": "user", "content": "And now in French."},
    ]
    more, one = client.ask(demo, turns, **GREEDY), client.ask(demo, HI, **GREEDY)
    assert (more.prompt_tokens or 0) > (one.prompt_tokens or 0)


def test_a_seed_repeats_a_draw(client: Client, demo: Place):
    draws = [client.ask(demo, HI, seed=seed, **DRAWN).texts for seed in (7, 7, 8)]
    assert draws[0] == draws[1] != draws[2]


def test_a_stop_ends_the_answer_before_it(client: Client, demo: Place):
    said = client.ask(demo, HI, **GREEDY).texts[0]
    stop = said.split()[1]
    cut = client.ask(demo, HI, stop=stop, **GREEDY)
    assert cut.texts[0] == said[: said.index(stop)]


@pytest.mark.able("reasons")
def test_the_reason_of_an_end_is_told(client: Client, demo: Place):
    assert client.ask(demo, HI, **GREEDY | {"max_tokens": 2}).reasons == ["length"]
    assert joined(client.stream(demo, HI, **GREEDY | {"max_tokens": 2})).reasons == ["length"]
    said = client.ask(demo, HI, **GREEDY).texts[0]
    assert client.ask(demo, HI, stop=said.split()[1], **GREEDY).reasons == ["stop"]


@pytest.mark.able("n")
def test_several_answers_to_one_prompt(client: Client, demo: Place):
    answers = client.ask(demo, HI, n=3, seed=1, **DRAWN)
    assert len(set(answers.texts)) == 3
    assert answers.texts[1] == client.ask(demo, HI, seed=2, **DRAWN).texts[0]
