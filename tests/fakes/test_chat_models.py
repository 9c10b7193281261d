"""The fakes render what the models' makers publish."""

from typing import cast

import pytest

from tests.fakes.chat_models import FOLDER, NAMES, chat_tokenizer

SYSTEM = {"role": "system", "content": "S"}
TURNS = [
    {"role": "user", "content": "U"},
    {"role": "assistant", "content": "A"},
    {"role": "user", "content": "V"},
]
DATES = "Cutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n"
HEADER = "<|start_header_id|>{}<|end_header_id|>\n\n"
H_SYSTEM, H_USER, H_ASSISTANT = (HEADER.format(role) for role in ("system", "user", "assistant"))
WITHOUT_SYSTEM = {
    "mistral_v1": "<s>[INST] U [/INST] A</s>[INST] V [/INST]",
    "mistral_v2": "<s> [INST] U [/INST] A</s> [INST] V [/INST]",
    "mistral_v3": "<s>[INST] U[/INST] A</s>[INST] V[/INST]",
    "mistral_nemo": "<s>[INST]U[/INST]A</s>[INST]V[/INST]",
    "llama_2": "<s>[INST] U [/INST] A </s><s>[INST] V [/INST]",
    "llama_3": f"<|begin_of_text|>{H_USER}U<|eot_id|>{H_ASSISTANT}A<|eot_id|>{H_USER}V<|eot_id|>"
    f"{H_ASSISTANT}",
    "llama_3_1": f"<|begin_of_text|>{H_SYSTEM}{DATES}<|eot_id|>{H_USER}U<|eot_id|>"
    f"{H_ASSISTANT}A<|eot_id|>{H_USER}V<|eot_id|>{H_ASSISTANT}",
    "zephyr": "<|user|>\nU</s>\n<|assistant|>\nA</s>\n<|user|>\nV</s>\n<|assistant|>\n",
    "tinyllama": "<|user|>\nU</s>\n<|assistant|>\nA</s>\n<|user|>\nV</s>\n<|assistant|>",
    "chatml": "<|im_start|>user\nU<|im_end|>\n<|im_start|>assistant\nA<|im_end|>\n"
    "<|im_start|>user\nV<|im_end|>\n<|im_start|>assistant\n",
    "gemma_2": "<bos><start_of_turn>user\nU<end_of_turn>\n<start_of_turn>model\nA<end_of_turn>\n"
    "<start_of_turn>user\nV<end_of_turn>\n<start_of_turn>model\n",
    "phi_3": "<|user|>\nU<|end|>\n<|assistant|>\nA<|end|>\n<|user|>\nV<|end|>\n<|assistant|>\n",
}
WITH_SYSTEM = {
    "mistral_v2": "<s> [INST] S\n\nU [/INST] A</s> [INST] V [/INST]",
    "mistral_v3": "<s>[INST] U[/INST] A</s>[INST] S\n\nV[/INST]",
    "mistral_nemo": "<s>[INST]U[/INST]A</s>[INST]S\n\nV[/INST]",
    "llama_2": "<s>[INST] <<SYS>>\nS\n<</SYS>>\n\nU [/INST] A </s><s>[INST] V [/INST]",
    "llama_3_1": f"<|begin_of_text|>{H_SYSTEM}{DATES}S<|eot_id|>{H_USER}U<|eot_id|>"
    f"{H_ASSISTANT}A<|eot_id|>{H_USER}V<|eot_id|>{H_ASSISTANT}",
    "phi_3": f"<|system|>\nS<|end|>\n{WITHOUT_SYSTEM['phi_3']}",
    "zephyr": f"<|system|>\nS</s>\n{WITHOUT_SYSTEM['zephyr']}",
    "chatml": f"<|im_start|>system\nS<|im_end|>\n{WITHOUT_SYSTEM['chatml']}",
    "smollm2": f"<|im_start|>system\nS<|im_end|>\n{WITHOUT_SYSTEM['chatml']}",
    "qwen_2_5": f"<|im_start|>system\nS<|im_end|>\n{WITHOUT_SYSTEM['chatml']}",
}


def render(name, turns):
    tokenizer = chat_tokenizer(name)
    text = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    return cast("str", text)


@pytest.mark.parametrize("name", WITHOUT_SYSTEM)
def test_a_conversation_looks_as_published(name):
    assert render(name, TURNS) == WITHOUT_SYSTEM[name]


@pytest.mark.parametrize("name", WITH_SYSTEM)
def test_a_system_turn_stands_where_the_model_has_it(name):
    assert render(name, [SYSTEM, *TURNS]) == WITH_SYSTEM[name]


@pytest.mark.parametrize("name", ["smollm2", "qwen_2_5"])
def test_a_system_turn_of_their_own_comes_first(name):
    text = render(name, TURNS)
    assert text.startswith("<|im_start|>system\nYou are ")
    assert text.endswith(WITHOUT_SYSTEM["chatml"])


def test_every_template_has_its_tokenizer():
    assert sorted(path.stem for path in FOLDER.iterdir()) == sorted(NAMES)
