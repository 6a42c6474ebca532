"""The verdict finds what it is there for: hand-made stories and ledgers, each wrong in one way."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from storm.history import Told
from storm.ledger import Commit, Execution, Ledger, Struck
from storm.verdict import doubled, judge, recovery_s, unexplained_executions, unexplained_moves

CRASH = (
    Told(1, 1, "queued", 100),
    Told(1, 2, "running", 200, epoch=1),
    Told(1, 3, "queued", 500, reason="crashed"),
    Told(1, 4, "running", 700, epoch=2),
    Told(1, 5, "succeeded", 800),
)
RELEASE = (*CRASH[:2], replace(CRASH[2], reason="released"), *CRASH[3:])
KILL = Struck(300, "child killed", frozenset({"t1"}))
ONE, TWO = Execution("t1", 1, 210, None), Execution("t1", 2, 710, 790)


@pytest.mark.parametrize(
    ("story", "faults"),
    [
        (CRASH, [KILL]),
        (RELEASE, [Struck(150, "redis killed")]),
        ((*CRASH[:4], Told(1, 5, "failed", 800, reason="crashed_repeatedly")), [KILL] * 3),
        (
            (
                *CRASH[:2],
                Told(1, 3, "failed", 800, reason="echo_failed"),
                Told(2, 4, "queued", 900, reason="resubmitted"),
            ),
            [],
        ),
    ],
)
def test_what_a_fault_explains_is_fine(story: Sequence[Told], faults: Sequence[Struck]) -> None:
    assert list(unexplained_moves({"t1": story}, faults)) == []


@pytest.mark.parametrize(
    ("story", "faults"),
    [
        (CRASH, []),
        (CRASH, [Struck(300, "child killed", frozenset({"t2"}))]),  # it hit another
        (CRASH, [replace(KILL, at_ms=150)]),  # before the run
        (CRASH, [replace(KILL, at_ms=600)]),  # after the crash
        (CRASH, [Struck(300, "redis frozen")]),  # takes no run away
        (RELEASE, [Struck(150, "api killed")]),
        ((*CRASH[:2], replace(CRASH[2], reason="model_unavailable")), [KILL]),
        ((*CRASH[:4], Told(1, 5, "failed", 800, reason="crashed_repeatedly")), [KILL]),
        ((*CRASH[:2], Told(1, 3, "failed", 800, reason="internal")), [KILL]),
    ],
)
def test_what_no_fault_explains_is_an_error(story: Sequence[Told], faults: Sequence[Struck]) -> None:
    assert len(list(unexplained_moves({"t1": story}, faults))) == 1


def test_every_execution_belongs_to_a_run_and_every_success_to_an_execution() -> None:
    assert list(unexplained_executions({"t1": CRASH}, [ONE, TWO])) == []


@pytest.mark.parametrize(
    "executions",
    [
        [ONE, TWO, replace(ONE, began_ms=220)],  # twice for one run
        [ONE, TWO, replace(TWO, epoch=3)],  # for a run that never was
        [TWO, Execution("t2", 1, 100, 200)],  # of a task that nobody knows
        [ONE],  # a success without work
        [ONE, replace(TWO, ended_ms=None)],  # the same: the work was cut off
    ],
)
def test_other_executions_are_errors(executions: Sequence[Execution]) -> None:
    assert len(list(unexplained_executions({"t1": CRASH}, executions))) == 1


def test_two_effects_of_one_generation_are_doubled() -> None:
    once = Commit("t1", 1, "succeeded", "made")
    assert doubled({"t1": CRASH}, [once, once, replace(once, generation=2)]) == set()
    assert doubled({"t1": CRASH}, [once, replace(once, content="made otherwise")]) == {("t1", 1)}
    assert doubled({"t1": (*CRASH, Told(1, 6, "succeeded", 900))}, []) == {("t1", 1)}


def test_recovery_is_from_the_fault_to_the_next_run() -> None:
    before, after, too_late = (Struck(at_ms, "api killed") for at_ms in (150, 600, 750))
    assert recovery_s(CRASH, [before, KILL, too_late], task_id="t1") == pytest.approx(0.4)
    assert recovery_s(CRASH, [before, KILL, after], task_id="t1") == pytest.approx(0.1)
    assert recovery_s(CRASH, [KILL], task_id="t2") == 0
    assert recovery_s(RELEASE, [KILL], task_id="t1") == 0


def test_the_counts(ledger: Ledger) -> None:
    for task_id in ("t1", "t2", "t3", "t4"):
        ledger.accept(task_id)
    ledger.strike("child killed", ["t1"])
    for run in ("t1/1", "t1/2"):
        for what in ("began", "ended"):
            ledger.client.eval("redis.call('XADD', 'executions', '*', 'what', ARGV[1], 'run', ARGV[2])", 0, what, run)
    canceled = (CRASH[0], Told(1, 2, "canceled", 200))
    verdict = judge(ledger, {"t1": CRASH, "t2": canceled, "t3": CRASH[:2]}, stale_refused=7)
    assert (verdict.accepted, verdict.succeeded, verdict.canceled, verdict.lost) == (4, 1, 1, 2)
    assert (verdict.re_executed, verdict.stale_refused, verdict.faults) == (1, 7, 1)
    assert len(verdict.unexplained) == 1  # the kill came after this crash, by the ledger's clock
