from dataclasses import dataclass, field
from typing import Any

import pytest

from model.engine.api import FinishReason, TokenRequest
from model.errors import ContextLengthExceeded, EngineQueueFull, ModelError, UnknownModel
from model.sampling import SamplingParams
from model.scripted.codec import ScriptedCodec
from model.scripted.engine import CRASH_CODE, Limits, Outside, ScriptedEngine, load_scripted
from model.scripted.script import Script
from model.text.codec import ChatTurn
from tests.fakes.settings import worker_settings


@dataclass
class World:
    """Records what the engine does to the process."""

    slept: list[float] = field(default_factory=list)
    done: list[str] = field(default_factory=list)

    def outside(self) -> Outside:
        return Outside(
            self.slept.append, lambda: self.done.append("crash"), lambda: self.done.append("hang")
        )


def request(name: str, prompt: str = "hi", max_tokens: int = 99, variant: str = "base"):
    ids = tuple(ScriptedCodec().encode_chat([ChatTurn("user", prompt)]))
    return TokenRequest(name, ids, variant, SamplingParams(max_tokens=max_tokens, seed=5))


def engine(limits: Limits | None = None, world: World | None = None, **script: Any):
    outside = (world or World()).outside()
    return ScriptedEngine(Script.model_validate(script), limits, outside)


def run(scripted: ScriptedEngine) -> dict[str, tuple[str, FinishReason | None]]:
    """Step until idle; text and end by row, and no row has two ends."""
    text: dict[str, bytes] = {}
    ends: dict[str, FinishReason] = {}
    while scripted.has_work():
        for output in scripted.step():
            assert output.id not in ends
            token = b"" if output.token_id is None else bytes([output.token_id])
            text[output.id] = text.get(output.id, b"") + token
            if output.finish_reason is not None:
                ends[output.id] = output.finish_reason
    return {name: (said.decode(), ends.get(name)) for name, said in text.items()}


def test_it_answers_each_variant_by_its_script():
    scripted = engine(replies={"tuned": "ha {prompt} {seed}"})
    scripted.add(request("a"))
    scripted.add(request("b", variant="tuned"))
    assert run(scripted) == {
        "a": ("base: hi", FinishReason.STOP),
        "b": ("ha hi 5", FinishReason.STOP),
    }
    assert scripted.step() == []


def test_max_tokens_cuts_with_the_last_token():
    scripted = engine(reply="abc")
    scripted.add(request("a", max_tokens=2))
    first, last = scripted.step(), scripted.step()
    assert [first[0].token_id, first[0].finish_reason] == [ord("a"), None]
    assert [last[0].token_id, last[0].finish_reason] == [ord("b"), FinishReason.LENGTH]


def test_a_reply_of_exactly_max_tokens_ends_with_length():
    scripted = engine(reply="ab")
    scripted.add(request("a", max_tokens=2))
    assert run(scripted)["a"] == ("ab", FinishReason.LENGTH)


def test_rows_wait_for_their_turn_and_the_queue_has_an_end():
    scripted = engine(Limits(max_running=1, max_waiting=1), reply="abc")
    scripted.add(request("a"))
    scripted.add(request("b"))
    with pytest.raises(EngineQueueFull):
        scripted.add(request("c"))
    assert [output.id for output in scripted.step()] == ["a"]
    assert (scripted.load().running, scripted.load().waiting) == (1, 1)
    assert list(run(scripted)) == ["a", "b"]
    assert (scripted.load().running, scripted.load().cache_used) == (0, 0)


def test_what_does_not_fit_is_refused_with_both_numbers():
    scripted = engine(Limits(max_context=10))
    with pytest.raises(ContextLengthExceeded) as refused:
        scripted.add(request("a", max_tokens=7))
    assert (refused.value.limit, refused.value.asked) == (10, 11)
    scripted.add(request("a", max_tokens=6))


def test_an_unknown_variant_is_refused():
    with pytest.raises(UnknownModel, match="base, tuned"):
        engine().add(request("a", variant="other"))


def test_aborted_rows_end_once_whether_they_run_or_wait():
    scripted = engine(Limits(max_running=1, max_waiting=5), reply="abcdef")
    for name in ("a", "b", "c"):
        scripted.add(request(name))
    scripted.step()
    for name in ("a", "c", "a", "nobody"):
        scripted.abort(name)
    outputs = scripted.step()
    ends = {output.id: output.finish_reason for output in outputs}
    assert ends == {"a": FinishReason.ABORT, "c": FinishReason.ABORT, "b": None}
    assert run(scripted) == {"b": ("bcdef", FinishReason.STOP)}


def test_an_abort_alone_is_work():
    scripted = engine()
    scripted.add(request("a"))
    scripted.abort("a")
    assert scripted.has_work()
    assert scripted.step()[0].finish_reason is FinishReason.ABORT
    assert not scripted.has_work()


def test_steps_take_their_time():
    world = World()
    scripted = engine(world=world, reply="ab", step_seconds=0.5)
    scripted.add(request("a"))
    run(scripted)
    assert world.slept == [0.5, 0.5, 0.5]


@pytest.mark.parametrize("fault", ["crash", "hang"])
def test_faults_strike_once_after_their_tokens(fault):
    world = World()
    faults: dict[str, Any] = {f"{fault}_after_tokens": 2}
    scripted = engine(None, world, reply="abcd", **faults)
    scripted.add(request("a"))
    scripted.step()
    scripted.step()
    assert world.done == []
    run(scripted)
    assert world.done == [fault]


def test_a_marker_outlives_the_process(tmp_path):
    marker = tmp_path / "struck"
    strikes = []
    for _ in range(4):
        world = World()
        faults = {"crash_after_tokens": 1, "fault_marker": marker, "fault_times": 2}
        scripted = engine(world=world, **faults)
        scripted.add(request("a"))
        run(scripted)
        strikes.append(world.done)
    assert strikes == [["crash"], ["crash"], [], []]


def test_raise_and_error():
    scripted = engine(reply="abc", raise_after_tokens=1)
    scripted.add(request("a"))
    scripted.step()
    with pytest.raises(RuntimeError):
        scripted.step()
    scripted = engine(reply="abc", error_after_tokens=2)
    scripted.add(request("a"))
    scripted.add(request("b"))
    assert run(scripted) == {"a": ("a", FinishReason.ERROR), "b": ("abc", FinishReason.STOP)}


def test_loading_reports_and_takes_the_settings_limits():
    world, told = World(), []
    settings = worker_settings(max_running=3, max_context=64)
    script = Script(load_seconds=1, max_context=32)
    loaded = load_scripted(script, settings, lambda *news: told.append(news), world.outside())
    assert told[0] == ("loading the script", 0.0)
    assert sum(world.slept) == pytest.approx(1)
    assert loaded.engine.max_context == 32
    assert loaded.engine.load().cache_total == 3 * 2
    assert set(loaded.adapters) == {"tuned"}
    assert len(loaded.adapters["tuned"].hash) == 64


def test_loading_fails_or_hangs_as_told():
    world, settings = World(), worker_settings()
    with pytest.raises(ModelError, match="no disk"):
        load_scripted(Script(fail_load="no disk"), settings, lambda *_: None, world.outside())
    load_scripted(Script(hang_load=True), settings, lambda *_: None, world.outside())
    assert world.done == ["hang"]


def test_loading_waits_for_a_file(tmp_path):
    there = tmp_path / "there"
    looks = []

    def look(seconds):
        looks.append(seconds)
        if len(looks) == 3:
            there.touch()

    script = Script(load_until=there)
    load_scripted(script, worker_settings(), lambda *_: None, Outside(sleep=look))
    assert len(looks) == 3


def test_a_crash_has_a_code_of_its_own():
    assert CRASH_CODE not in range(5)
