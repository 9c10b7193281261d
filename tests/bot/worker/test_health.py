"""What the answers to GET /health are taken for."""

from bot.worker.health import Hang, HealthJudge, HealthLimits
from bot.worker.status import WorkerPhase, WorkerStatus
from model.protocol.state import Health

LIMITS = HealthLimits(silent_s=5, ready_s=20, stall_s=10)


def judge() -> HealthJudge:
    return HealthJudge(LIMITS, 100.0)


def loading(stage: str, progress: float | None = None) -> Health:
    return Health(status="loading", stage=stage, progress=progress)


def test_progress_is_handed_on():
    assert judge().answer(loading("download", 0.4), 101) == WorkerStatus(
        WorkerPhase.LOADING, "download", 0.4
    )


def test_silence_is_borne_up_to_its_limit_and_an_answer_begins_it_anew():
    one = judge()
    assert one.silence(105) is None
    one.answer(loading("download"), 105)
    assert one.silence(110) is None
    assert one.silence(110.1) == Hang("it has not answered for 5 s")


def test_loading_may_last_as_long_as_it_moves():
    one = judge()
    for second in range(100):
        assert isinstance(one.answer(loading("download", second / 100), 100 + second), WorkerStatus)


def test_loading_that_stands_still_is_a_hang():
    one = judge()
    one.answer(loading("convert", 0.5), 101)
    assert isinstance(one.answer(loading("convert", 0.5), 121), WorkerStatus)
    verdict = one.answer(loading("convert", 0.5), 121.1)
    assert isinstance(verdict, Hang)
    assert verdict.loading
    assert "convert" in verdict.reason


def test_a_failure_is_shown_while_the_process_still_ends():
    verdict = judge().answer(Health(status="failed", error="no such model"), 101)
    assert verdict == WorkerStatus(WorkerPhase.LOADING, "no such model")


def test_a_step_beyond_its_limit_is_a_hang():
    assert judge().answer(Health(status="ok", busy_s=10), 101) == WorkerStatus(
        WorkerPhase.READY, "ready", 1.0
    )
    assert isinstance(judge().answer(Health(status="ok", busy_s=11), 101), Hang)


def test_a_complaint_of_no_text_counts_unless_the_answer_waits_behind_others():
    stalled = Health(status="ok", busy_s=0.1, running=1)
    behind = Health(status="ok", busy_s=0.1, running=8, waiting=2)
    assert judge().answer(stalled, 101, "no text for 10 s") == Hang("no text for 10 s")
    assert isinstance(judge().answer(behind, 101, "no text for 10 s"), WorkerStatus)
