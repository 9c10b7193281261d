"""The command `llm`, as a person types it."""

import pytest

from tests.clients.answers import Place
from tests.clients.by_llm import command, home

FEW = ("-o", "max_tokens", "8", "-o", "temperature", "0")


def test_a_prompt_and_the_conversation_after_it(demo: Place):
    with home(demo, "tuned"):
        for arguments in (("Say hello.",), ("-c", "Again."), ("--no-stream", "Say hello.")):
            model = () if "-c" in arguments else ("-m", "fungpt")
            done = command(*model, "--key", demo.key, *arguments, *FEW, "-u")
            assert done.returncode == 0, done.stderr
            assert done.stdout.strip()
            assert "input" in done.stderr  # the usage


@pytest.mark.parametrize(
    ("model", "key", "prompt", "words"),
    [
        ("base", None, "word " * 6000, "maximum context length is 4096 tokens"),
        ("nobody", None, "hi", "known: base, tuned"),
        ("base", "wrong", "hi", "this worker wants its key"),
    ],
)
def test_a_refusal_is_one_readable_line(
    demo: Place, model: str, key: str | None, prompt: str, words: str
):
    with home(demo, model):
        done = command("-m", "fungpt", "--key", key or demo.key, stdin=prompt)
    [line] = done.stderr.splitlines()
    assert line.startswith("Error: ")
    assert words in line
    assert done.returncode == 1
