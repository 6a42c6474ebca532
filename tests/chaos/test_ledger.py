"""The ledger sees what it is there for: each execution of a run, from outside."""

from echo_load import submit_echoes
from live_stack import LiveStack
from storm.ledger import WORK_MS, Ledger
from verdict import await_all


def test_the_ledger_sees_every_execution(stack: LiveStack, ledger: Ledger) -> None:
    ids = submit_echoes(stack, 20)
    await_all(stack.store, ids)
    seen = ledger.executions()
    assert sorted((execution.task_id, execution.epoch) for execution in seen) == sorted((task_id, 1) for task_id in ids)
    assert all((execution.ended_ms or 0) - execution.began_ms >= WORK_MS - 1 for execution in seen)
