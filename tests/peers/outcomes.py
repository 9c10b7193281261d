"""What has to come of each scenario, from a real server and from its recording alike."""

from model.errors import ContextLengthExceeded, WorkerRefused
from tests.peers.scenarios import Seen

# llama.cpp answers with the model that it has, whatever it is asked for.
_TAKES_ANY_NAME = ("llama_cpp",)


def check(server: str, scenario: str, seen: Seen) -> None:
    """Assert what the scenario has to give on that server."""
    error, done = seen.error, seen.done
    match scenario:
        case "looks":
            assert seen.names == ("base", "tuned")
        case "too long":
            assert isinstance(error, WorkerRefused), error
            assert error.code == ContextLengthExceeded.code
        case "unknown model" if server not in _TAKES_ANY_NAME:
            assert isinstance(error, WorkerRefused), error
            assert error.status == 404
        case _:
            assert error is None, error
            assert done is not None
            assert seen.text.strip()
            assert done.prompt_tokens
            assert done.completion_tokens
            assert done.finish_reason == ("stop" if scenario == "whole answer" else "length")
    if scenario == "tuned answers":
        assert seen.text.startswith("Facebook.")
    if scenario == "base answers":
        assert seen.text.startswith("The best social media")
    if scenario == "whole answer":
        assert "nobody" not in seen.text
