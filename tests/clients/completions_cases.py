"""/v1/completions, by each client's own way to it."""

import litellm
import pytest
from langchain_openai import OpenAI

from tests.clients.answers import LIMIT_S, Place
from tests.clients.by_llm import command, home
from tests.clients.by_openai import OpenAIClient

pytestmark = pytest.mark.offers("completions")
PROMPT = "The capital of France is"
_MODEL = """
- model_id: plain
  model_name: base
  api_base: {base}
  api_key_name: fungpt
  completion: true
"""


def test_openai_whole_and_streamed(demo: Place):
    fields = {"model": "base", "prompt": PROMPT, "max_tokens": 6, "temperature": 0.0}
    with OpenAIClient.connect(demo) as client:
        whole = client.completions.create(**fields)
        chunks = list(client.completions.create(**fields, stream=True))
    assert "Paris" in whole.choices[0].text
    assert "".join(c.choices[0].text for c in chunks if c.choices) == whole.choices[0].text
    assert whole.usage.completion_tokens == 6


def test_litellm(demo: Place):
    answer = litellm.text_completion(
        model="text-completion-openai/base", api_base=demo.base, api_key=demo.key, prompt=PROMPT,
        max_tokens=6, temperature=0.0, timeout=LIMIT_S,
    )  # fmt: skip
    assert "Paris" in answer.choices[0].text


def test_langchain(demo: Place):
    model = OpenAI(
        model="base", base_url=demo.base, api_key=demo.key, max_tokens=6, temperature=0.0
    )
    assert "Paris" in model.invoke(PROMPT)


def test_llm(demo: Place):
    with home(demo, "base") as folder:
        (folder / "extra-openai-models.yaml").write_text(_MODEL.format(base=demo.base))
        options = ("-o", "max_tokens", "6", "-o", "temperature", "0")
        done = command("-m", "plain", "--key", demo.key, PROMPT, *options)
    assert "Paris" in done.stdout, done.stderr
