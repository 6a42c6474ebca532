"""Pulses are lost, deleted and doubled: the record rings again. Every test is named after the number of its fault."""

import secrets
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from celery import Celery
from echo_load import submit_echo, submit_echoes
from kombu.entity import Queue
from processes import frozen, wait_for
from proxied_node import LANE, ProxiedNode
from record_store import DONE
from redis_faults import lost_pulses
from verdict import assert_sound, await_all, await_next_ending, read_metric

from orchestrator.adapters.celery_pulses import KEY_PREFIX, PULSE, build_celery, queue_of
from orchestrator.adapters.redis.claims import RedisClaims
from orchestrator.adapters.redis.connection import WORKER, connect
from orchestrator.adapters.redis.scripts import Scripts
from orchestrator.domain.task import Run

pytestmark = pytest.mark.timeout(120)

RUNG_WITHIN_S = 15.0  # a second on a calm machine; a busy one has its keeper wait for the CPU
RECONNECT_S = 2.0
LOST = 20
LOST_WITHIN_S = 80.0  # the worker's parent connects anew after each, which takes it more than a second
DOUBLES = 10
REFUSED_WITHIN_MS = 50.0

Recorder = Callable[[str, object], None]


@pytest.fixture
def publisher(node: ProxiedNode) -> Iterator[Celery]:
    with build_celery(node.servers.valkey.url) as app:
        yield app


@pytest.mark.slow
def test_fault_04_twenty_pulses_are_lost_on_the_way(node: ProxiedNode, record_testsuite_property: Recorder) -> None:
    ids: list[str] = []

    def submit_until_lost() -> bool:
        ids.append(submit_echo(node))
        return loss.is_over

    await_all(node.store, submit_echoes(node, LOST, delay_ms=50))  # both children have made their clients
    wait_for(lambda: is_asleep(node))  # children that are awake go on claiming, and take no pulse that could be lost
    loss = lost_pulses(LOST)
    with node.outside.redis_faults.making(loss):
        wait_for(submit_until_lost, within_s=LOST_WITHIN_S)
    await_next_ending(node.store, within_s=RUNG_WITHIN_S + RECONNECT_S)
    record_testsuite_property("fault 4: recovery, s", time.monotonic() - loss.happened_at_s[-1])
    await_all(node.store, ids)
    assert_sound(node.store, ids)
    assert node.given_up == []


def test_fault_15_deleted_messages_are_rung_again(node: ProxiedNode, record_testsuite_property: Recorder) -> None:
    with frozen(node.worker):
        ids = submit_echoes(node, 50, delay_ms=50)
        wait_for(lambda: waiting_pulses(node) > 0)
        delete_messages(node, "*")
    deleted_at_s = time.monotonic()
    await_all(node.store, ids)
    record_testsuite_property("fault 15: all done after, s", time.monotonic() - deleted_at_s)

    delete_messages(node, "*")  # now with a worker that listens, and whose queues and bindings are gone
    ids += submit_echoes(node, 50)
    await_all(node.store, ids)
    assert_sound(node.store, ids)
    assert node.given_up == []


def test_fault_16_pulses_need_no_binding(node: ProxiedNode) -> None:
    """They go to the queue by its name, so nothing is published to nowhere; the keeper's rings are counted."""
    rings = count_rings(node)
    with frozen(node.worker):
        delete_messages(node, "_kombu.binding*")
        delete_messages(node, queue_of(LANE))
        ids = submit_echoes(node, 3)
        wait_for(lambda: waiting_pulses(node) > 0, within_s=RUNG_WITHIN_S)
        wait_for(lambda: count_rings(node) > rings, within_s=RUNG_WITHIN_S)
    await_all(node.store, ids)
    assert_sound(node.store, ids)


def test_fault_20_a_pulse_delivered_ten_times_runs_each_task_once(node: ProxiedNode, publisher: Celery) -> None:
    message_id = secrets.token_hex(16)
    with frozen(node.worker):
        ids = submit_echoes(node, 3, delay_ms=200)
        for _ in range(DOUBLES):
            publisher.send_task(PULSE, args=[LANE], task_id=message_id, queue=Queue(queue_of(LANE)))
        assert waiting_pulses(node) >= DOUBLES
    await_all(node.store, ids)
    assert_sound(node.store, ids)
    assert {node.store.hget(f"orch:task:{task_id}", "epoch") for task_id in ids} == {"1"}


def test_fault_20_one_of_ten_claims_at_once_gets_the_task(node: ProxiedNode) -> None:
    start = threading.Barrier(DOUBLES)

    def claim(number: int) -> tuple[Run, ...]:
        claims = RedisClaims(Scripts(connect(node.servers.valkey.url, WORKER)), lease_ms=30_000)
        start.wait()
        return claims.claim(LANE, f"owner-{number}", run_ids=[secrets.token_hex(8)]).runs

    with frozen(node.worker):
        task_id = submit_echo(node)
        node.admin.config_set("latency-tracking-info-percentiles", "100")
        node.admin.config_resetstat()
        with ThreadPoolExecutor(DOUBLES) as claimers:
            runs = [run for found in claimers.map(claim, range(DOUBLES)) for run in found]
        slowest = node.admin.info("latencystats")["latency_percentiles_usec_evalsha"]["p100"]
    (run,) = runs
    assert run.task.id == task_id
    assert slowest <= REFUSED_WITHIN_MS * 1000
    RedisClaims(Scripts(connect(node.servers.valkey.url, WORKER)), lease_ms=30_000).finish(run, DONE)
    assert_sound(node.store, [task_id])


def is_asleep(node: ProxiedNode) -> bool:
    """Whether no pulse waits and no child carries one: it is acknowledged when the child has drained its lane."""
    return waiting_pulses(node) == 0 and not [*node.store.scan_iter(f"{KEY_PREFIX}unacked")]


def count_rings(node: ProxiedNode) -> float:
    return read_metric(node.about.metrics.keeper, f'orchestrator_rings_total{{lane="{LANE}"}}')


def waiting_pulses(node: ProxiedNode) -> int:
    return node.store.llen(KEY_PREFIX + queue_of(LANE))


def delete_messages(node: ProxiedNode, pattern: str) -> None:
    """What the broker has in Redis under such names."""
    for key in list(node.store.scan_iter(KEY_PREFIX + pattern)):
        node.store.delete(key)
