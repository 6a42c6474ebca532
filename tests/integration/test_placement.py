"""A claim says where its run goes, and pins it there; whatever ends the run lets it go (ADR 0045)."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from record_store import DONE, FAILURE, LEASE_MS, RecordStore, new_task, open_store, walk

from orchestrator.adapters.redis.breakers import RedisBreakers
from orchestrator.adapters.redis.forecast import RedisForecast
from orchestrator.adapters.redis.residency import RedisResidency
from orchestrator.adapters.system_clock import SystemClock
from orchestrator.domain.breaker import TRITON, Outcome, Permit, name_triton
from orchestrator.domain.model import Instance, Placement, Resident, ResidentState
from orchestrator.domain.owner import Owner
from orchestrator.domain.pause import Pausable
from orchestrator.domain.retry import Again, GiveUp
from orchestrator.domain.task import Run
from orchestrator.pipelines.registry import NEEDED_BY
from orchestrator.ports.claims import Beat

ECHO = Placement("echo", "gpu:1")
PINS = "orch:pins:gpu:1:echo"
OWNER = Owner("node-1", 7, 1)


@pytest.fixture
def store(redis_url: str) -> Iterator[RecordStore]:
    with open_store(redis_url) as opened:
        opened.tick(LEASE_MS // 1000)
        yield opened


def serve(store: RecordStore, *lines: str, model: str = "echo") -> None:
    store.client.set(f"orch:serving:{model}", "\n".join(lines))


def send(store: RecordStore, *words: str) -> Any:  # noqa: ANN401 - as the command has it
    return store.client.eval("return redis.call(unpack(ARGV))", 0, *words)


def pins(store: RecordStore) -> set[str]:
    return set(send(store, "SMEMBERS", PINS))


def run_of(store: RecordStore, name: str) -> Run:
    store.submit(new_task(name))
    (run,) = store.claim(owner=str(OWNER)).runs
    return run


def lapse(store: RecordStore, run: Run) -> None:
    store.claims.beat([Beat(run)])
    store.tick(LEASE_MS // 1000 + 1)


LEAVES: dict[str, Callable[[RecordStore, Run], object]] = {
    "finish": lambda store, run: store.claims.finish(run, DONE),
    "fail": lambda store, run: store.claims.fail(run, FAILURE, decision=GiveUp()),
    "retry": lambda store, run: store.claims.fail(run, FAILURE, decision=Again(after_s=60, counts=True)),
    "release": lambda store, run: store.claims.release(run),
    "stop": lambda store, run: store.claims.stop(run),
    "lapse": lapse,
    "reap": lambda store, _run: store.upkeep.reap(OWNER),
    "advance": lambda store, run: store.claims.advance(run, "infer", checkpoint={}),
}


def test_without_an_owner_nothing_is_placed_or_pinned(store: RecordStore) -> None:
    assert run_of(store, "t").placement is None
    assert store.task("t").release == ""
    assert not send(store, "KEYS", "orch:pins:*")


@pytest.mark.parametrize("how", LEAVES)
def test_a_pin_goes_with_its_run(store: RecordStore, how: str) -> None:
    serve(store, "1 echo gpu:1")
    run = run_of(store, "t")
    assert (run.placement, pins(store)) == (ECHO, {"t"})
    assert walk(store) == set()
    LEAVES[how](store, run)
    assert pins(store) == set()
    assert walk(store) == set()
    assert store.task("t").release == "echo", "whoever asks is told what it was sent to"


def test_a_repeated_claim_tells_the_same_placement(store: RecordStore) -> None:
    serve(store, "1 echo gpu:1")
    store.submit(new_task("t"))
    first = store.claims.claim("io", str(OWNER), run_ids=["a"])
    serve(store, "1 echo gpu:2")
    assert store.claims.claim("io", str(OWNER), run_ids=["a"]) == first


def test_releases_are_taken_by_weight_and_a_retry_takes_the_same(store: RecordStore) -> None:
    serve(store, "75 echo@1 gpu:1", "25 echo@2 gpu:1")
    store.submit(*(new_task(f"t-{number}") for number in range(200)))
    first = {run.task.id: run.placement for run in store.claim(count=200).runs}
    taken = Counter(placement.release for placement in first.values() if placement)
    assert 130 <= taken["echo@1"] <= 170
    assert taken["echo@1"] + taken["echo@2"] == 200
    store.upkeep.reap(Owner("node-2", 1, 1))
    store.tick(LEASE_MS // 1000 + 1)  # none has beaten: all come back
    again = {run.task.id: run.placement for run in store.claim(count=200).runs}
    assert again == first


def test_a_shift_moves_only_what_it_must(store: RecordStore) -> None:
    """Who was sent to the new release at a tenth is sent there at a half."""
    taken = []
    for old, new in ((90, 10), (50, 50)):
        serve(store, *sorted((f"{old} echo@1 gpu:1", f"{new} echo@2 gpu:1")))
        names = [f"t-{number}" for number in range(100)]
        store.submit(*map(new_task, names))
        runs = store.claim(count=100).runs
        taken.append({run.task.id for run in runs if run.placement and run.placement.release == "echo@2"})
        for run in runs:
            store.claims.finish(run, DONE)
        send(store, "FLUSHALL")
    assert taken[0] < taken[1]


def test_of_the_instances_the_one_with_the_fewest_runs_is_taken(store: RecordStore) -> None:
    send(store, "SADD", PINS, "x", "y")
    serve(store, "1 echo gpu:1", "1 echo gpu:2")
    names = [run_of(store, f"t-{number}").placement for number in range(4)]
    assert [placement.instance for placement in names if placement] == ["gpu:2", "gpu:2", "gpu:1", "gpu:2"]


def test_an_instance_behind_an_open_breaker_gets_no_runs_and_the_others_go_on(store: RecordStore) -> None:
    residency, breakers = RedisResidency(store.scripts), RedisBreakers(store.scripts, SystemClock(), types=NEEDED_BY)
    for address in ("gpu:1", "gpu:2"):
        residency.note_instance(Instance(address))
        residency.note(address, Resident("echo", ResidentState.READY))
    breakers.report(Permit(TRITON), Outcome.DENIED)  # of runs that nobody has placed
    breakers.report(Permit(name_triton("gpu:2")), Outcome.DENIED)
    store.submit(*(new_task(f"t-{number}") for number in range(4)))
    assert {run.placement for run in store.claim(count=4).runs} == {ECHO}
    breakers.report(Permit(name_triton("gpu:1")), Outcome.DENIED)
    store.submit(new_task("waits"))
    assert not store.claim().runs
    place = RedisForecast(store.scripts).place(store.task("waits"))
    assert place
    assert place.away == ("triton", "model:echo")
    store.pass_time(6_000)
    permit = RedisBreakers(store.scripts, SystemClock()).allow(name_triton("gpu:1"))
    RedisBreakers(store.scripts, SystemClock()).report(permit, Outcome.WELL)
    (run,) = store.claim().runs
    assert run.placement == ECHO


def test_what_is_held_back_is_wanted_from_when_it_was_passed_over(store: RecordStore) -> None:
    send(store, "SADD", "orch:held_back", "echo")
    send(store, "SADD", "orch:dismissed", "echo")
    store.submit(new_task("t"), replace(new_task("u"), model="other"))
    since = store.now_ms
    assert [run.task.id for run in store.claim().runs] == ["u"]
    store.pass_time(5_000)
    assert not store.claim().runs
    assert store.client.hgetall("orch:wanted") == {"echo": str(since)}
    assert not send(store, "SMEMBERS", "orch:dismissed")


def test_nobody_waits_for_what_is_paused_or_not_there(store: RecordStore) -> None:
    send(store, "SADD", "orch:held_back", "echo", "other")
    store.pauses.pause(Pausable.parse("model:echo"), by="key_1", reason="why not", as_operator=True)
    store.submit(new_task("t"))
    assert not store.claim().runs
    assert not store.client.hgetall("orch:wanted")
