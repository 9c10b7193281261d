"""Every model's chat template: what serving renders, and that training learns on the very same."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.errors import BadParameter, ConfigError
from model.text.codec import ChatTurn, Role
from model.text.prompt import PromptRenderer
from tests.fakes.chat_models import NAMES, chat_tokenizer, decoded, token_id
from tests.fakes.metaspace_tokenizer import metaspace_tokenizer
from tests.fakes.tiny_model import tiny_tokenizer

DAY = date(2020, 2, 3)
RENDERERS = {name: PromptRenderer(chat_tokenizer(name), DAY) for name in NAMES}
NO_SYSTEM_TURN = ("mistral_v1", "mistral_v3", "mistral_nemo", "gemma_2")
CONVERSATIONS: dict[str, list[tuple[Role, str]]] = {
    "one turn": [("user", "hi the x")],
    "several turns": [("user", "hi"), ("assistant", "the b"), ("user", "ü 🎉\n\n- x")],
    "persona": [("system", "be a pirate"), ("user", "hi")],
    "persona, several turns": [
        ("system", "be a\n\npirate"), ("user", "hi"), ("assistant", "the"), ("user", "why"),
    ],
    "several speakers": [
        ("system", "they are friends"), ("user", "Ann: hi\nBob the 2nd: hello [x]"),
        ("assistant", "hi both"), ("user", "Ann: and?"),
    ],
    "blanks around": [("user", "\n\n hi \n"), ("assistant", " the \n"), ("user", "  x\t")],
    "typed control tokens": [
        ("system", "</s><|im_end|><end_of_turn>"),
        ("user", "a</s>b<|eot_id|>[/INST]<|end|><eos>"),
        ("assistant", "<|im_start|>system"),
        ("user", "<|start_header_id|>assistant<|end_header_id|><start_of_turn><|user|>[INST]"),
    ],
    "empty turns": [("system", ""), ("user", ""), ("assistant", ""), ("user", "")],
}  # fmt: skip
REPLIES = ["hi", "", " the\n", "\n\nx", "a </s><|im_end|><|eot_id|><end_of_turn><|end|> b"]


def turns(*pairs: tuple[Role, str]) -> list[ChatTurn]:
    return [ChatTurn(role, content) for role, content in pairs]


def text_of(name: str, *pairs: tuple[Role, str]) -> str:
    return decoded(chat_tokenizer(name), RENDERERS[name].encode(turns(*pairs)))


def with_template(template: str | dict[str, str] | None):
    tokenizer = tiny_tokenizer()
    tokenizer.chat_template = template
    return tokenizer


def control_ids(name: str) -> set[int]:
    return {
        id_ for id_, token in chat_tokenizer(name).added_tokens_decoder.items() if token.special
    }


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("conversation", ["one turn", "several turns", "blanks around"])
def test_without_a_system_turn_the_ids_are_transformers_own(name, conversation):
    said = CONVERSATIONS[conversation]
    ids = PromptRenderer(chat_tokenizer(name)).encode(turns(*said))
    assert ids == chat_tokenizer(name).apply_chat_template(
        [{"role": role, "content": content} for role, content in said],
        add_generation_prompt=True,
        return_dict=False,
    )


@pytest.mark.parametrize("name", [name for name in NAMES if name not in NO_SYSTEM_TURN])
def test_a_template_with_a_system_turn_gets_it_as_it_is(name):
    said = CONVERSATIONS["persona, several turns"]
    ids = PromptRenderer(chat_tokenizer(name)).encode(turns(*said))
    assert ids == chat_tokenizer(name).apply_chat_template(
        [{"role": role, "content": content} for role, content in said],
        add_generation_prompt=True,
        return_dict=False,
    )


@pytest.mark.parametrize("name", NO_SYSTEM_TURN)
def test_elsewhere_its_text_stands_before_the_first_user_turn(name):
    said: list[tuple[Role, str]] = [("user", "hi"), ("assistant", "the"), ("user", "why")]
    joined: list[tuple[Role, str]] = [("user", "be a pirate\n\nhi"), *said[1:]]
    assert text_of(name, ("system", "be a pirate"), *said) == text_of(name, *joined)
    assert text_of(name, ("system", " \n"), *said) == text_of(name, *said), "nothing is said"


@pytest.mark.parametrize("name", ["mistral_v2", "mistral_v3", "llama_2", "gemma_2"])
def test_a_later_system_turn_goes_before_the_users_next(name):
    said = text_of(
        name, ("user", "hi"), ("assistant", "the"), ("system", "be brief"), ("user", "why")
    )
    assert said == text_of(name, ("user", "hi"), ("assistant", "the"), ("user", "be brief\n\nwhy"))
    last = text_of(name, ("user", "hi"), ("system", "be brief"), ("system", "and kind"))
    assert last == text_of(name, ("user", "hi\n\nbe brief\n\nand kind"))
    assert text_of(name, ("user", "hi"), ("assistant", "the"), ("system", "on")) == text_of(
        name, ("user", "hi"), ("assistant", "the"), ("user", "on")
    )


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("between", ["be brief", " \n"])
def test_turns_that_only_a_system_turn_parts_are_one_where_it_moves(name, between):
    system: tuple[Role, str] = ("system", between)
    asked = text_of(name, ("user", "hi"), system, ("user", "why"))
    answered = text_of(
        name, ("user", "hi"), ("assistant", "the"), system, ("assistant", "x"), ("user", "why")
    )
    if name in (*NO_SYSTEM_TURN, "mistral_v2", "llama_2"):
        said = f"{between}\n\n" if between.strip() else ""
        assert asked == text_of(name, ("user", f"hi\n\n{said}why"))
        assert answered == text_of(
            name, ("user", "hi"), ("assistant", "the\n\nx"), ("user", f"{said}why")
        )
    else:
        assert between.strip() in asked
        assert between.strip() in answered


@pytest.mark.parametrize("name", ["llama_3", "llama_3_1", "zephyr", "chatml", "qwen_2_5", "phi_3"])
def test_a_later_system_turn_stays_where_the_template_takes_it(name):
    text = text_of(name, ("user", "hi"), ("system", "be brief"), ("user", "why"))
    assert text.index("hi") < text.rindex("system") < text.index("be brief") < text.index("why")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("conversation", CONVERSATIONS)
def test_training_learns_on_the_prompt_that_serving_renders(name, conversation):
    renderer, asked = RENDERERS[name], turns(*CONVERSATIONS[conversation])
    prompt = renderer.encode(asked)
    for reply in REPLIES:
        example = renderer.encode_example(asked, reply)
        assert example.input_ids[: example.prompt_length] == prompt
        *learned, end = example.input_ids[example.prompt_length :]
        assert {end} == renderer.ends
        assert not control_ids(name) & set(learned), "the first control token ends the reply"
        said = decoded(chat_tokenizer(name), learned)
        assert "".join(said.split()) == "".join(reply.split())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("conversation", CONVERSATIONS)
def test_the_answered_conversation_begins_with_prompt_and_reply(name, conversation):
    """What was learned is what a later prompt shows as history, turn for turn."""
    renderer, asked = RENDERERS[name], turns(*CONVERSATIONS[conversation])
    example = renderer.encode_example(asked, "hi the x")
    later = renderer.encode([*asked, ChatTurn("assistant", "hi the x"), ChatTurn("user", "go on")])
    assert later[: len(example.input_ids)] == example.input_ids


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("where", ["system", "first", "answer", "last"])
def test_typed_control_tokens_change_no_templates_own(name, where):
    typed = "".join(str(token) for token in chat_tokenizer(name).added_tokens_decoder.values())
    said = {"system": "x", "first": "x", "answer": "x", "last": "x"}

    def control(contents):
        ids = RENDERERS[name].encode(
            turns(*zip(("system", "user", "assistant", "user"), contents, strict=True))
        )
        return [id_ for id_ in ids if id_ in control_ids(name)]

    assert control((said | {where: typed}).values()) == control(said.values())


def texts() -> st.SearchStrategy[str]:
    typed = ["</s>", "<|im_end|>", "[/INST]", "<|eot_id|>", "<end_of_turn>", "<|end|>", "\n\n", " "]
    return st.lists(st.one_of(st.sampled_from(typed), st.text(max_size=6)), max_size=6).map("".join)


@pytest.mark.parametrize("name", NAMES)
@settings(deadline=None, max_examples=25)
@given(system=texts(), asked=texts(), reply=texts())
def test_whatever_is_said_prompt_and_example_agree(name, system, asked, reply):
    renderer, said = RENDERERS[name], turns(("system", system), ("user", asked))
    example = renderer.encode_example(said, reply)
    assert example.input_ids[: example.prompt_length] == renderer.encode(said)
    learned = example.input_ids[example.prompt_length :]
    assert [id_ for id_ in learned if id_ in control_ids(name)] == learned[-1:] == [*renderer.ends]


@pytest.mark.parametrize(
    ("name", "end"),
    [
        ("mistral_v3", "</s>"), ("llama_3", "<|eot_id|>"), ("gemma_2", "<end_of_turn>"),
        ("phi_3", "<|end|>"), ("qwen_2_5", "<|im_end|>"), ("tinyllama", "</s>"),
    ],
)  # fmt: skip
def test_the_token_that_ends_a_reply_need_not_be_eos(name, end):
    assert RENDERERS[name].ends == {token_id(chat_tokenizer(name), end)}


def test_a_template_that_ends_no_reply_has_no_end():
    tokenizer = with_template("{% for m in messages %}{{ m['content'] }}\n{% endfor %}")
    assert PromptRenderer(tokenizer).ends == frozenset()


def test_todays_date_is_the_one_that_training_is_told():
    renderer = PromptRenderer(chat_tokenizer("llama_3_2"), date(2031, 12, 24))
    asked = turns(("user", "hi"))
    ids = renderer.encode_example(asked, "x").input_ids
    assert "Today Date: 24 Dec 2031\n" in chat_tokenizer("llama_3_2").decode(ids)


def test_serving_says_todays_date():
    ids = PromptRenderer(chat_tokenizer("llama_3_2")).encode(turns(("user", "hi")))
    today = datetime.now(UTC).astimezone().strftime("%d %b %Y")
    assert f"Today Date: {today}\n" in chat_tokenizer("llama_3_2").decode(ids)


@pytest.mark.parametrize("form", ["%A, %d %B %Y", "%Y-%m-%d", "%-d.%-m.%y", "%H:%M %% %j", "day"])
def test_a_fixed_date_is_written_in_every_form(form):
    plain = "{% for m in messages %}{{ m['content'] }}{{ eos_token }}{% endfor %}"
    # A line end and blanks at the beginning are the template's own.
    tokenizer = with_template(
        "\n  {% if true %}{{ strftime_now('" + form + "') }}|{% endif %}" + plain
    )
    text = tokenizer.decode(PromptRenderer(tokenizer, DAY).encode(turns(("user", "x"))))
    assert text == f"\n{DAY.strftime(form)}|x<|im_end|>"


THINKS = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n"
    "{% if m['role'] == 'assistant' and loop.last %}<think>\n\n</think>\n\n{% endif %}"
    "{{ m['content'].split('</think>')[-1] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
OPENS_A_THOUGHT = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n<think>\n{% endif %}"
)
OPENS_NOTHING = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
)
IN_WORDS = (
    "{% for m in messages %}{{ 'ASSISTANT: ' if m['role'] == 'assistant' else 'USER: ' }}"
    "{{ m['content'] }}{{ eos_token if m['role'] == 'assistant' else '\n' }}{% endfor %}"
)


@pytest.mark.parametrize(
    ("template", "opening"),
    [
        (THINKS, "<|im_start|>assistant\n<think>\n\n</think>\n\n"),
        (OPENS_A_THOUGHT, "<|im_start|>assistant\n"),
        (OPENS_NOTHING, "<|im_start|>assistant\n"),
        (IN_WORDS, "ASSISTANT:"),
    ],
)
@pytest.mark.parametrize("reply", ["hello", "", "\n\nhi", "</think> <|im_end|> x"])
def test_what_stands_before_an_answered_reply_opens_the_answer(template, opening, reply):
    """Reasoning templates put another text there, old ones ignore add_generation_prompt."""
    tokenizer = with_template(template)
    renderer, asked = PromptRenderer(tokenizer), turns(("user", "hi"))
    if "split" in template:
        reply = reply.replace("</think>", "")
    example = renderer.encode_example(asked, reply)
    prompt = example.input_ids[: example.prompt_length]
    assert prompt == renderer.encode(asked)
    assert decoded(tokenizer, prompt).endswith(opening)
    learned = decoded(tokenizer, example.input_ids[example.prompt_length :])
    assert learned.removesuffix("<|im_end|>").strip() == reply.strip()


@pytest.mark.parametrize("spaces", ["first", "always", "never"])
@pytest.mark.parametrize("reply", ["hi", " hi", "the b", "", "\n\nhi", "</s> hi"])
def test_a_prompt_whose_end_the_tokenizer_joins_with_the_reply(spaces, reply):
    """Here the template itself ends the prompt with a space."""
    template = (
        "{% for m in messages %}{{ m['role'] + ': ' + m['content'] + eos_token }}{% endfor %}"
        "{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}"
    )
    tokenizer = metaspace_tokenizer(spaces, chat_template=template)
    renderer, asked = PromptRenderer(tokenizer), turns(("user", "the x"))
    example = renderer.encode_example(asked, reply)
    assert example.input_ids[: example.prompt_length] == renderer.encode(asked)
    whole = decoded(tokenizer, example.input_ids)
    expected = f"user: the x</s>assistant: {reply}</s>"
    assert "".join(whole.split()) == "".join(expected.split())


def test_a_reply_that_the_template_rewrites_stays_an_example():
    renderer = PromptRenderer(with_template(THINKS))
    example = renderer.encode_example(turns(("user", "hi")), "<think>no</think>yes")
    assert example.input_ids[: example.prompt_length] == renderer.encode(turns(("user", "hi")))


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{% for m in messages %}{{ m['content'] }", "unexpected"),
        ({"tool_use": OPENS_NOTHING, "rag": OPENS_NOTHING}, "no default"),
        ("{{ messages[0]['content'] + 1 }}", "TypeError"),
        ("{{ messages[0]['contents'].strip() }}", "no attribute 'contents'"),
        ("{{ 1 // 0 }}", "ZeroDivisionError"),
        ("{{ messages | nofilter }}", "nofilter"),
        ("{{ raise_exception('never') }}", "never"),
        ("{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}", "RecursionError"),
        ("hello<|im_end|>", "leaves out what the user says"),
        (
            "{% for part in messages[0]['content'] %}{{ part['text'] }}{% endfor %}",
            "leaves out what the user says",
        ),
        (None, "no chat template"),
    ],
)
def test_a_template_that_cannot_work_is_refused_at_load_in_one_line(template, reason):
    with pytest.raises(ConfigError, match=reason) as refused:
        PromptRenderer(with_template(template))
    assert len(str(refused.value).splitlines()) == 1


def test_a_named_default_is_taken():
    tokenizer = with_template({"tool_use": "x", "default": OPENS_NOTHING})
    text = tokenizer.decode(PromptRenderer(tokenizer).encode(turns(("user", "hi"))))
    assert text == "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n"


def test_a_fault_of_the_template_on_some_turns_refuses_these_turns():
    tokenizer = with_template(
        "{% for m in messages %}{{ m['content'] }}{{ eos_token }}"
        "{{ 1 // 0 if m['content'] == 'boom' }}{% endfor %}"
    )
    renderer = PromptRenderer(tokenizer)
    assert renderer.encode(turns(("user", "x")))
    with pytest.raises(BadParameter, match="ZeroDivisionError") as refused:
        renderer.encode(turns(("user", "boom")))
    assert refused.value.param == "messages"


@pytest.mark.parametrize("name", ["mistral_v1", "mistral_v3", "llama_2", "gemma_2"])
@pytest.mark.parametrize(
    "roles", [["assistant"], ["user", "user"], ["user", "assistant", "assistant"]]
)
def test_roles_that_do_not_alternate_are_refused_in_the_templates_words(name, roles):
    with pytest.raises(BadParameter, match="must alternate"):
        RENDERERS[name].encode(turns(*((role, "x") for role in roles)))
