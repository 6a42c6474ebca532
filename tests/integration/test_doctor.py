"""`orchestrator doctor`: it sees what audit would mend, tells what is where, and writes nothing."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import servers
from broken_store import BREAKS, carry_out, populate
from record_store import DONE, LEASE_MS, RecordStore, new_task, open_store
from typer.testing import CliRunner, Result

from orchestrator.adapters.redis.inspection import RedisInspection
from orchestrator.adapters.redis.scripts import script_text
from orchestrator.cli.app import build_cli
from orchestrator.domain.limits import Quotas
from orchestrator.services.upkeep.diagnose import Diagnose, Report

PULSES = {"io": 3}


@pytest.fixture
def store(redis_url: str) -> Iterator[RecordStore]:
    with open_store(redis_url) as opened:
        opened.tick(LEASE_MS // 1000)
        yield opened


def examine(store: RecordStore, *, limit: int = 10_000) -> Report:
    """The report, with a look at the store before and after: not one key may change."""
    diagnose = Diagnose(
        RedisInspection(store.scripts, store.lease_ms),
        pulses=lambda lane: PULSES.get(lane, 0),
        duties=("reconcile", "sweep"),
        lanes=("audio", "io"),
        lease_s=store.lease_ms / 1000,
    )
    before = store.dump()
    report = diagnose.report(limit=limit)
    assert store.dump() == before
    return report


class TestLook:
    @pytest.mark.parametrize("broken", BREAKS)
    def test_it_finds_what_audit_would_mend_and_leaves_it(self, store: RecordStore, broken: str) -> None:
        commands, expected = BREAKS[broken]
        populate(store)
        for command in commands:
            carry_out(store, command)
        finds = examine(store).audit.finds
        assert expected in {(find.fault, find.index, find.subject) for find in finds}

    def test_a_sound_store_has_nothing_to_mend(self, store: RecordStore) -> None:
        populate(store)
        audit = examine(store).audit
        assert (audit.finds, audit.is_whole, audit.schemas) == ((), True, {"1": 9})

    def test_it_looks_at_no_more_than_it_was_told(self, store: RecordStore) -> None:
        store.submit(*(new_task(f"t{number:03}") for number in range(200)))
        audit = examine(store, limit=100).audit
        assert audit.looked < 3 * 100
        assert not audit.is_whole

    @pytest.mark.parametrize("script", ["audit_look", "inspect", "load"])
    def test_the_server_itself_keeps_its_scripts_from_writing(self, script: str) -> None:
        assert script_text(script).startswith("#!lua flags=no-writes\n")


class TestReport:
    def test_places_with_what_is_overdue(self, store: RecordStore) -> None:
        populate(store)
        store.pass_time(10 * LEASE_MS + 1)
        places = {place.place: (place.tasks, place.overdue) for place in examine(store).places}
        assert places == {
            "ready": (4, 0),
            "leases": (1, 1),
            "delayed": (1, 1),
            "deadlines": (1, 0),
            "ended": (3, 0),
        }

    def test_lanes_with_their_wait_their_pulses_and_the_order_of_their_turn(self, store: RecordStore) -> None:
        populate(store)
        store.pass_time(2_000)
        audio, io, video = examine(store).lanes
        assert (audio.lane, audio.ready, audio.turn) == ("audio", 0, ())
        assert (io.ready, io.oldest_wait_s, io.pulses, io.is_served) == (3, 2.0, 3, False)
        assert [project for project, _ in io.turn] == ["film-a", "film-b"]
        assert (video.lane, video.ready) == ("video", 1)

    def test_owners_are_alive_silent_or_gone(self, store: RecordStore) -> None:
        store.submit(*(new_task(f"t{number}") for number in range(3)))
        store.claim(owner="near:1:1", count=2)
        store.pass_time(20_000)
        store.claim(owner="far:2:2")
        assert [(owner.owner, owner.runs, owner.state) for owner in examine(store).owners] == [
            ("far:2:2", 1, "alive"),
            ("near:1:1", 2, "gone"),
        ]
        store.client.set("orch:alive:node:near", "1")
        assert [owner.state for owner in examine(store).owners] == ["alive", "silent"]

    def test_leases_that_are_about_to_lapse(self, store: RecordStore) -> None:
        store.submit(new_task("old"), new_task("young"))
        store.claim()
        store.pass_time(LEASE_MS - 3_000)
        store.claim()
        (lapsing,) = examine(store).lapsing
        assert (lapsing.task_id, lapsing.owner, lapsing.left_s) == ("old", "worker-1", 3.0)

    def test_projects_with_what_they_use_of_what_they_may(self, store: RecordStore) -> None:
        for name, most in {"max_running": 1, "max_queued": 50, "gpu_s_per_hour": 100}.items():
            store.client.eval("redis.call('HSET', unpack(ARGV))", 0, "orch:project:film-a", name, str(most))
        store.submit(*(new_task(f"a{number}") for number in range(3)), new_task("b", project="film-b"))
        store.claim(count=9)
        film_a, film_b = examine(store).projects
        assert (film_a.project, film_a.running, film_a.queued, film_a.at_quota_in) == ("film-a", 1, 2, ("io",))
        assert film_a.quotas == Quotas(max_running=1, max_queued=50, gpu_s_per_hour=100)
        assert film_a.gpu_s == 1.0
        assert (film_b.project, film_b.running, film_b.quotas) == ("film-b", 1, Quotas())

    def test_lanes_with_the_work_in_them(self, store: RecordStore) -> None:
        store.fill(new_task(f"t{number}") for number in range(8))
        for _ in range(4):
            run = store.claim_one()
            store.pass_time(2_000)
            store.claims.finish(run, DONE)
        io = next(lane for lane in examine(store).lanes if lane.lane == "io")
        assert io.predicted_s == 4.0
        assert io.pace == pytest.approx(0.5, rel=0.4)

    def test_duties_and_who_holds_them(self, store: RecordStore) -> None:
        store.upkeep.take_duty("sweep", "keeper-1", ttl_s=60)
        reconcile, sweep = examine(store).duties
        assert (reconcile.holder, sweep.holder) == ("", "keeper-1")
        assert 50 < sweep.left_s <= 60

    def test_how_the_store_keeps_what_it_is_given(self, store: RecordStore) -> None:
        facts = examine(store).store
        assert (facts.has_aof, facts.fsync, facts.eviction) == (True, "always", "noeviction")
        assert facts.used_bytes > 0


def run_doctor(url: str, *words: str, state: Path) -> Result:
    command = ["doctor", "--state", str(state), *words]
    return CliRunner().invoke(build_cli(), command, env={"ORCH_REDIS__URL": url, "COLUMNS": "100"})


class TestCommand:
    def test_status_0_when_there_is_nothing_to_mend(self, store: RecordStore, redis_url: str, tmp_path: Path) -> None:
        populate(store)
        done = run_doctor(redis_url, state=tmp_path)
        assert done.exit_code == 0, done.output
        assert "nothing to mend" in done.output

    def test_status_1_and_the_fault_when_there_is(self, store: RecordStore, redis_url: str, tmp_path: Path) -> None:
        populate(store)
        carry_out(store, "ZREM orch:leases running")
        done = run_doctor(redis_url, state=tmp_path)
        assert done.exit_code == 1
        assert ["missing", "leases", "1", "running"] in [line.split() for line in done.output.splitlines()]

    def test_the_same_for_programs(self, store: RecordStore, redis_url: str, tmp_path: Path) -> None:
        populate(store)
        carry_out(store, "ZREM orch:leases running")
        done = run_doctor(redis_url, "--json", state=tmp_path)
        assert done.exit_code == 1
        report = json.loads(done.output)
        assert report["audit"]["finds"] == [{"fault": "missing", "index": "leases", "subject": "running"}]
        assert {duty["duty"] for duty in report["duties"]} >= {"reconcile", "ring", "audit", "sweep"}

    def test_a_store_that_is_away_is_an_error_in_one_line(self, tmp_path: Path) -> None:
        with servers.valkey(tmp_path) as server:
            url = server.url
        done = run_doctor(url, state=tmp_path / "none")
        assert done.exit_code == 1
        assert "cannot be reached" in str(done.exception)
