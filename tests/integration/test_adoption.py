"""A run that was cut off between its last artifact and its finish is adopted by the next, and not repeated."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from record_store import FAILURE, LEASE_MS, open_store
from run_room import RunRoom, submit_upscale

from orchestrator.domain.retry import GiveUp
from orchestrator.domain.task import Artifact, Status
from orchestrator.pipelines.checkpoint import render_checkpoint
from orchestrator.ports.claims import Beat, Commit

LEASE_S = LEASE_MS // 1000


@pytest.fixture
def room(redis_url: str, tmp_path: Path) -> Iterator[RunRoom]:
    with open_store(redis_url) as store:
        store.tick(LEASE_S)
        yield RunRoom(store, tmp_path / "scratch")


def test_what_a_run_had_stored_when_it_died_is_adopted(room: RunRoom, tmp_path: Path) -> None:
    submit_upscale(room, tmp_path)
    died = room.store.claim_one()
    room.store.claims.beat([Beat(died)])
    stored = Artifact("upscaled.png", died.prefix + "upscaled.png", "image/png", size_bytes=3, sha256="00")
    commit = Commit((stored,), {"scale": 4}, {"tiles": 1}, actual_s=2.0)
    room.store.claims.advance(died, "store", checkpoint=render_checkpoint(commit))
    room.store.tick(LEASE_S + 1)
    room.execute()
    task = room.task
    assert (task.status, task.epoch, task.outputs) == (Status.SUCCEEDED, 2, (stored,))
    assert (task.result, task.usage) == (commit.result, commit.usage)
    assert room.engine.most_in_flight == 0, "nothing was inferred again"


def test_a_clients_retry_begins_anew(room: RunRoom, tmp_path: Path) -> None:
    submit_upscale(room, tmp_path)
    run = room.store.claim_one()
    commit = Commit((), {"scale": 0}, {}, actual_s=0.0)
    room.store.claims.advance(run, "store", checkpoint=render_checkpoint(commit))
    room.store.claims.fail(run, FAILURE, decision=GiveUp())
    room.store.intake.resubmit("film-a", "t", generation=1)
    room.execute()
    assert [artifact.name for artifact in room.task.outputs] == ["upscaled.png", "receipt.json"]
