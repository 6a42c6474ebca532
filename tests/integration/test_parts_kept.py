"""How long parts stay, what moves them, and how audit mends them."""

from collections.abc import Iterator

import pytest
from broken_store import carry_out
from parts_room import plan
from record_store import FAILURE, RecordStore, open_store, walk

from orchestrator.domain.from_stage import FromStage
from orchestrator.domain.retry import Again

AGAIN = Again(after_s=1, counts=True)


@pytest.fixture
def store(redis_url: str) -> Iterator[RecordStore]:
    with open_store(redis_url) as opened:
        yield opened


def test_a_retry_from_the_beginning_forgets_them(store: RecordStore) -> None:
    plan(store)
    store.intake.cancel("film-a", "film")
    store.intake.resubmit("film-a", "film", generation=1, from_stage=FromStage.INFER)
    assert store.task("film").parts == 0
    assert "film." not in store.dump()


def test_they_go_with_their_task(store: RecordStore) -> None:
    plan(store)
    store.claims.fail(store.claim_one(), FAILURE, decision=AGAIN)
    store.intake.delete("film-a", "film")
    store.pass_time(86_400_001)
    store.upkeep.purge("film")
    assert '"film' not in store.dump().replace('"film-a"', "")


def test_a_pinned_project_takes_its_parts_along(store: RecordStore) -> None:
    plan(store)
    carry_out(store, "HSET orch:project:film-a slug film-a pool big")
    carry_out(store, "HSET orch:pinned film-a big")
    store.scripts.run("follow_pin", {"project": "film-a", "cursor": 0, "count": 100})
    assert {run.task.part_of for run in store.claim(count=9, lane="io@big").runs} == {"film"}


FAULTS = {
    "missing parts": ("ZREM orch:parts:film film.1",),
    "orphan parts": ("ZADD orch:parts:film 0 film.9",),
    "missing planned": ("ZREM orch:planned film",),
    "stray planned": ("ZADD orch:planned 1 film.1",),
    "misplaced record": ("DEL orch:parts:film", "DEL orch:task:film.1 orch:task:film.2 orch:task:film.3"),
    "orphan part": ("DEL orch:task:film",),
    "stray part": ("HSET orch:task:film status canceled ended_ms 1800000000000", "HDEL orch:task:film place"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_audit_finds_and_mends(store: RecordStore, fault: str) -> None:
    plan(store)
    store.claim_one()
    for command in FAULTS[fault]:
        carry_out(store, command)
    assert tuple(fault.split()) in {(kind, index) for kind, index, _ in walk(store)}
    walk(store)
    assert walk(store) == set()
