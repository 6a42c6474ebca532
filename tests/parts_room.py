"""A film on the record of a store, and the parts that a run of it has planned."""

from record_store import DONE, RecordStore, new_task

from orchestrator.domain.part import Slice
from orchestrator.domain.task import Run, Task

REELS = tuple(Slice({"reel": number}, 10.0) for number in (1, 2, 3))


def plan(store: RecordStore, *slices: Slice) -> Run:
    """A task of which a run has planned parts."""
    if not store.client.hgetall("orch:task:film"):
        store.submit(new_task("film"))
    run = store.claim_one()
    store.claims.plan(run, slices or REELS)
    return run


def finish_all(store: RecordStore) -> None:
    while runs := store.claim().runs:
        if not runs[0].task.part_of:
            return store.claims.release(runs[0])
        store.claims.finish(runs[0], DONE)
    return None


def parts_of(store: RecordStore) -> tuple[Task, ...]:
    return store.claims.parts(Run(store.task("film"), 1, "", ""))


def statuses(store: RecordStore) -> list[str]:
    return [part.status.value for part in parts_of(store)]
