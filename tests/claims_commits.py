"""The ways in which a run of `integration/test_claims_machine.py` commits what has become of it."""

from collections.abc import Callable
from dataclasses import replace

from claims_room import STORED_BYTES
from record_store import DONE, FAILURE, RecordStore

from orchestrator.domain.retry import GiveUp
from orchestrator.domain.task import Artifact, Run

STORED = Artifact("a.bin", "projects/film-a/tasks/t/1-r/a.bin", "application/octet-stream", STORED_BYTES, "ab12")
COMMITS: dict[str, Callable[[RecordStore, Run], None]] = {
    "finish": lambda store, run: store.claims.finish(run, replace(DONE, outputs=(STORED,))),
    "fail": lambda store, run: store.claims.fail(run, FAILURE, decision=GiveUp()),
    "release": lambda store, run: store.claims.release(run),
    "stop": lambda store, run: store.claims.stop(run),
    "advance": lambda store, run: store.claims.advance(run, "infer", checkpoint={}),
}
