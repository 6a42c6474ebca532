"""A task that names a release runs with just that one, whatever serves its model (ADR 0049)."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from record_store import DONE, LEASE_MS, RecordStore, new_task, no_fsync, open_store
from residency_room import GPU, Room, on_redis

from orchestrator.domain.model import Instance, Placement, Resident, ResidentState
from orchestrator.domain.task import Run

OLD, NEW = "echo@2", "echo@3"


@pytest.fixture
def store(redis_url: str) -> Iterator[RecordStore]:
    with no_fsync(redis_url), open_store(redis_url) as opened:
        opened.tick(LEASE_MS // 1000)
        yield opened


@pytest.fixture
def room(store: RecordStore) -> Room:
    """Everything is led to the new release, and the old one is there still."""
    room = on_redis(store)
    room.residency.note_instance(Instance(GPU))
    for release in (OLD, NEW):
        room.note_ready(release)
    room.residency.route("echo", {NEW: 100})
    return room


def submit(store: RecordStore, task_id: str, *, model: str) -> None:
    store.submit(replace(new_task(task_id), model=model))


def claimed(store: RecordStore) -> list[Run]:
    return list(store.claim(count=8).runs)


def test_it_is_placed_and_pinned_as_that_release(store: RecordStore, room: Room) -> None:
    submit(store, "any", model="echo")
    submit(store, "named", model=OLD)
    runs = claimed(store)
    assert {run.task.id: run.placement for run in runs} == {"any": Placement(NEW, GPU), "named": Placement(OLD, GPU)}
    assert {each.release: each.pins for each in room.gpu.residents} == {OLD: 1, NEW: 1}
    for run in runs:
        store.claims.finish(run, DONE)
    assert {each.release: each.pins for each in room.gpu.residents} == {OLD: 0, NEW: 0}, "it may be evicted"
    assert store.task("named").release == OLD


@pytest.mark.parametrize("state", [ResidentState.UNLOADED, ResidentState.LOADING, ResidentState.CLOSING])
def test_it_waits_while_the_release_is_not_there_and_its_owner_hears_of_that(
    store: RecordStore, room: Room, state: ResidentState
) -> None:
    room.residency.note(GPU, Resident(OLD, state))
    submit(store, "named", model=OLD)
    submit(store, "other", model="other")
    assert [run.task.id for run in claimed(store)] == ["other"]
    assert set(room.residency.wanted()) == {OLD}
    room.note_ready(OLD)
    store.pass_time(1_000)
    assert [run.placement for run in claimed(store)] == [Placement(OLD, GPU)]


@pytest.mark.usefixtures("room")
def test_it_waits_for_one_that_no_server_has_fetched_yet(store: RecordStore) -> None:
    submit(store, "named", model="echo@9")
    assert not claimed(store)
    assert list(store.client.hgetall("orch:wanted")) == ["echo@9"]


def test_what_it_waits_for_is_told(store: RecordStore, room: Room) -> None:
    room.residency.close(GPU, OLD)
    submit(store, "named", model=OLD)
    place = store.forecast.place(store.task("named"))
    assert place
    assert (place.eta_s, place.away) == (None, ("model:echo@2",))


def test_one_that_does_not_load_is_claimed_so_that_the_run_is_told_why(store: RecordStore, room: Room) -> None:
    room.residency.note(GPU, Resident(OLD, ResidentState.FAILED, error="broken"))
    submit(store, "named", model=OLD)
    assert [run.placement for run in claimed(store)] == [None]


def test_it_goes_wherever_the_release_is(store: RecordStore, room: Room) -> None:
    room.residency.note_instance(Instance("triton-b:8001"))
    room.note_ready(OLD, "triton-b:8001")
    for number in range(2):
        submit(store, f"named-{number}", model=OLD)
    assert {run.placement for run in claimed(store)} == {Placement(OLD, GPU), Placement(OLD, "triton-b:8001")}
    room.residency.note_instance(Instance(GPU, is_well=False, reason="restarting"))
    assert room.serving(OLD) == {(1, OLD, "triton-b:8001")}
    room.residency.retire("triton-b:8001")
    assert room.serving(OLD) == set()


def test_without_an_owner_it_is_not_waited_for(store: RecordStore) -> None:
    submit(store, "named", model=OLD)
    assert [run.placement for run in claimed(store)] == [None]
