"""Tasks that ask for the same work, and how they stand."""

from dataclasses import replace

from record_store import DONE, LEASE_MS, RecordStore, new_task

from orchestrator.domain.errors import Category
from orchestrator.domain.task import Artifact, Failure, NewTask, Run

LEASE_S = LEASE_MS // 1000
FILE = Artifact("a.png", "projects/film-a/tasks/first/1-r/a.png", "image/png", 10, "ab12")
MADE = replace(DONE, outputs=(FILE,))
POISON = Failure("decode_failed", Category.INVALID_INPUT, "It cannot be decoded.")


def same(task_id: str, *, project: str = "film-a", content: str = "c0ffee") -> NewTask:
    """One of those that ask for the same work."""
    return replace(new_task(task_id, project=project), content=content)


def begin(store: RecordStore, *ids: str) -> Run:
    """A run of the first, with the others following it."""
    store.submit(*map(same, ids))
    run = store.claim_one()
    assert run.task.id == ids[0]
    assert store.claim(count=5).runs == ()
    return run


def statuses(store: RecordStore, *ids: str) -> list[str]:
    return [store.task(task_id).status.value for task_id in ids]
