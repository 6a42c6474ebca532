"""Every `Residency`: the shared one on a real Valkey, and the fake. One test for each sentence of the port."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from record_store import RecordStore, no_fsync, open_store
from residency_room import GPU, Room, on_fake, on_redis

from orchestrator.domain.model import Instance, Placement, Resident, ResidentState

OTHER = "triton-b:8001"
READY = ResidentState.READY


@pytest.fixture
def store(redis_url: str) -> Iterator[RecordStore]:
    with no_fsync(redis_url), open_store(redis_url) as opened:
        yield opened


@pytest.fixture(params=["redis", "fake"])
def room(request: pytest.FixtureRequest, store: RecordStore) -> Room:
    room = on_redis(store) if request.param == "redis" else on_fake()
    room.residency.note_instance(
        Instance(GPU, budget_bytes=100, used_bytes=7, total_bytes=200, leaks=1, restarts=2, pools={"cuda_pool": 3})
    )
    return room


class TestInstances:
    def test_nobody_owns_any_at_first(self, store: RecordStore) -> None:
        assert on_redis(store).residency.instances() == on_fake().residency.instances() == ()

    def test_each_is_as_its_owner_says_and_was_seen_by_then(self, room: Room) -> None:
        assert room.gpu == Instance(
            GPU,
            budget_bytes=100,
            used_bytes=7,
            total_bytes=200,
            leaks=1,
            restarts=2,
            pools={"cuda_pool": 3},
            seen_ms=room.residency.survey().now_ms,
        )

    def test_with_its_residents_and_how_many_runs_pin_each(self, room: Room) -> None:
        echo = Resident("echo", READY, "1", since_ms=5, used_ms=6, bytes=8, is_kept=True)
        room.residency.note(GPU, echo)
        room.residency.note(GPU, replace(echo, release="voice@2", state=ResidentState.FAILED, error="broken"))
        for task in ("task-1", "task-2"):
            room.pin(Placement("voice@2", GPU), task)
        voice = Resident("voice@2", ResidentState.FAILED, "1", 5, 6, 8, is_kept=True, pins=2, error="broken")
        assert room.gpu.residents == (echo, voice)

    def test_nobody_may_have_limited_it(self, room: Room) -> None:
        room.residency.note_instance(Instance(GPU))
        assert room.gpu.budget_bytes is None

    def test_one_that_is_not_well_is_not_asked(self, room: Room) -> None:
        room.note_ready("echo")
        room.residency.note_instance(Instance(GPU, is_well=False, reason="restarting"))
        assert (room.serving("echo"), room.held_back(), room.gpu.reason) == (set(), {"echo"}, "restarting")
        room.residency.note_instance(Instance(GPU))
        assert (room.serving("echo"), room.held_back()) == ({(1, "echo", GPU)}, set())

    def test_who_watches_may_find_it_ill_whatever_its_owner_says(self, room: Room) -> None:
        room.note_ready("echo")
        room.residency.suspect(GPU, "the canary died")
        room.residency.note_instance(Instance(GPU))
        assert (room.serving("echo"), room.gpu.is_well, room.gpu.reason) == (set(), False, "the canary died")
        room.residency.suspect(GPU, "")
        assert (room.serving("echo"), room.gpu.is_well) == ({(1, "echo", GPU)}, True)

    def test_one_without_an_owner_is_not_suspected(self, room: Room) -> None:
        room.residency.suspect(OTHER, "the canary died")
        room.residency.note_instance(Instance(OTHER))
        assert all(instance.is_well for instance in room.residency.instances())

    def test_memory_that_did_not_suffice_is_told_until_the_owner_has_noted_it(self, room: Room) -> None:
        room.residency.crowd(GPU, "echo@2")
        room.residency.crowd(OTHER, "echo@2")
        assert [each.crowded_by for each in room.residency.instances()] == ["echo@2"]
        room.residency.note_instance(replace(room.gpu, crowded_by=""))
        assert room.gpu.crowded_by == ""

    def test_nothing_is_asked_and_nothing_known_of_a_retired_one(self, room: Room) -> None:
        room.note_ready("echo")
        room.residency.note_instance(Instance(OTHER))
        room.residency.note(OTHER, Resident("voice", ResidentState.UNLOADED))
        room.residency.retire(GPU)
        assert [each.address for each in room.residency.instances()] == [OTHER]
        assert (room.serving("echo"), room.held_back()) == (set(), {"voice"})

    def test_what_has_routes_and_is_nowhere_is_held_back_as_long_as_there_is_an_owner(self, room: Room) -> None:
        """Found by the claims machine: nothing that lay there told that the first owner came, or the last one went."""
        room.residency.retire(GPU)
        room.residency.route("echo", {"echo@2": 1})
        assert room.held_back() == set()
        room.residency.note_instance(Instance(GPU))
        assert room.held_back() == {"echo"}
        room.residency.retire(GPU)
        assert room.held_back() == set()

    def test_without_any_owner_nothing_is_held_back(self, room: Room) -> None:
        room.residency.note(GPU, Resident("echo", ResidentState.UNLOADED))
        room.note_ready("voice")
        room.residency.retire(GPU)
        assert (room.serving("voice"), room.held_back()) == (set(), set())


class TestResidents:
    def test_what_is_ready_may_be_asked_at_once(self, room: Room) -> None:
        room.residency.note(GPU, Resident("echo", ResidentState.LOADING))
        assert (room.serving("echo"), room.held_back()) == (set(), {"echo"})
        room.note_ready("echo")
        assert (room.serving("echo"), room.held_back()) == ({(1, "echo", GPU)}, set())

    def test_on_every_instance_that_has_it(self, room: Room) -> None:
        room.residency.note_instance(Instance(OTHER))
        room.note_ready("echo")
        room.note_ready("echo", OTHER)
        assert room.serving("echo") == {(1, "echo", GPU), (1, "echo", OTHER)}

    def test_who_keeps_it_is_not_overruled(self, room: Room) -> None:
        room.note_ready("echo")
        room.residency.keep(GPU, "echo", is_kept=True)
        room.note_ready("echo")
        assert [resident.is_kept for resident in room.gpu.residents] == [True]
        room.residency.keep(GPU, "echo", is_kept=False)
        assert [resident.is_kept for resident in room.gpu.residents] == [False]

    def test_what_is_not_there_is_not_kept(self, room: Room) -> None:
        room.residency.keep(GPU, "echo", is_kept=True)
        assert room.gpu.residents == ()

    def test_what_lies_in_the_repository_only_is_held_back(self, room: Room) -> None:
        room.residency.note(GPU, Resident("echo", ResidentState.UNLOADED))
        assert (room.serving("echo"), room.held_back()) == (set(), {"echo"})

    def test_what_no_instance_has_is_not_held_back(self, room: Room) -> None:
        room.residency.note(GPU, Resident("echo", ResidentState.UNLOADED))
        room.residency.forget(GPU, "echo")
        assert (room.gpu.residents, room.held_back()) == ((), set())

    def test_what_fails_is_not_held_back_so_that_its_runs_are_told_why(self, room: Room) -> None:
        room.residency.note(GPU, Resident("echo", ResidentState.UNLOADED))
        room.residency.note(GPU, Resident("echo", ResidentState.FAILED, error="broken"))
        assert (room.serving("echo"), room.held_back()) == (set(), set())
        room.residency.note(GPU, Resident("echo", ResidentState.LOADING))
        assert room.held_back() == {"echo"}

    def test_no_further_run_begins_with_what_is_closed(self, room: Room) -> None:
        room.note_ready("echo")
        room.pin(Placement("echo", GPU), "task-1")
        assert room.residency.close(GPU, "echo") == 1
        assert (room.serving("echo"), room.held_back()) == (set(), {"echo"})
        assert [(each.state, each.pins) for each in room.gpu.residents] == [(ResidentState.CLOSING, 1)]

    def test_nobody_uses_what_is_not_there(self, room: Room) -> None:
        assert room.residency.close(GPU, "echo") == 0


class TestWants:
    def test_are_since_the_first_who_waits_until_they_are_settled(self, room: Room) -> None:
        room.residency.want("echo")
        first_ms = room.residency.survey().now_ms
        room.pass_ms(50)
        room.residency.want("echo")
        room.residency.want("voice@2")
        wanted = {"echo": first_ms, "voice@2": first_ms + 50}
        assert room.residency.wanted() == room.residency.survey().wanted == wanted
        room.residency.settle("echo")
        assert room.residency.wanted() == {"voice@2": first_ms + 50}

    def test_what_an_operator_dismisses_is_wanted_no_longer_until_somebody_wants_it(self, room: Room) -> None:
        room.residency.want("echo")
        room.residency.dismiss("echo")
        assert not room.residency.wanted()
        assert room.residency.survey().dismissed == room.residency.dismissed() == {"echo"}
        room.residency.want("echo")
        assert set(room.residency.wanted()) == {"echo"}
        assert not room.residency.dismissed()

    def test_what_is_dismissed_stays_so_until_it_is_settled(self, room: Room) -> None:
        room.residency.dismiss("echo")
        room.residency.settle("echo")
        assert not room.residency.dismissed()


class TestRoutes:
    def test_the_stock_release_has_all_without_any(self, room: Room) -> None:
        room.note_ready("echo@2")
        assert (room.residency.routes("echo"), room.serving("echo")) == ({}, set())

    def test_say_by_what_weight_each_release_is_asked(self, room: Room) -> None:
        for release in ("echo", "echo@2", "echo@3"):
            room.note_ready(release)
        room.residency.route("echo", {"echo": 90, "echo@2": 10, "echo@3": 0})
        assert room.residency.routes("echo") == {"echo": 90, "echo@2": 10, "echo@3": 0}
        assert room.serving("echo") == {(90, "echo", GPU), (10, "echo@2", GPU)}

    def test_are_taken_back_when_none_is_given(self, room: Room) -> None:
        room.note_ready("echo")
        room.residency.route("echo", {"echo@2": 1})
        assert (room.serving("echo"), room.held_back()) == (set(), {"echo"})
        room.residency.route("echo", {})
        assert (room.residency.routes("echo"), room.serving("echo")) == ({}, {(1, "echo", GPU)})


class TestSizes:
    def test_the_largest_is_kept(self, room: Room) -> None:
        for size_bytes in (5, 9, 7):
            room.residency.learn("echo", "resident", size_bytes=size_bytes)
        room.residency.learn("echo", "1080p", size_bytes=3)
        assert room.residency.learned("echo") == {"resident": 9, "1080p": 3}
        assert room.residency.learned("voice") == {}


class TestSharedWork:
    """`orch:served:<model>` (ADR 0031), which the port does not show."""

    def served(self, store: RecordStore) -> str | None:
        return store.client.get("orch:served:echo")

    def test_is_named_by_what_serves_and_stays_so_while_nothing_does(self, store: RecordStore) -> None:
        room = on_redis(store)
        room.residency.note_instance(Instance(GPU))
        room.note_ready("echo", version="3")
        assert self.served(store) == "3"
        room.residency.forget(GPU, "echo")
        assert self.served(store) == "3"

    def test_is_another_for_every_release(self, store: RecordStore) -> None:
        room = on_redis(store)
        room.residency.note_instance(Instance(GPU))
        for release in ("echo", "echo@2"):
            room.note_ready(release)
        room.residency.route("echo", {"echo": 90, "echo@2": 10})
        assert self.served(store) == "1 @2"
        room.residency.route("echo", {"echo@2": 1})
        assert self.served(store) == "@2"
