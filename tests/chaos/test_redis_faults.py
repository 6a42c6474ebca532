"""Redis dies, freezes, hangs up and refuses under load. Every test is named after the number of its fault."""

import os
import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager

import pytest
from echo_load import ACCEPTED, BUSY, UNANSWERED, await_count, bursting, submit_echo, submit_echoes
from live_stack import LEASE_S
from processes import cpu_s, frozen, let_pass, wait_for
from proxied_node import ProxiedNode
from record_store import new_task
from redis_faults import lost_claims
from verdict import TERMINAL, assert_sound, attempts, await_all, await_next_ending, find_misplaced, status_of, statuses

from orchestrator.adapters.redis.connection import WORKER, connect
from orchestrator.adapters.redis.intake import RedisIntake
from orchestrator.adapters.redis.scripts import Scripts
from orchestrator.adapters.sortable_ids import new_id

pytestmark = pytest.mark.timeout(240)

IS_LONG = "CHAOS_STORM_S" in os.environ  # `make chaos-long`
DOWN_S = [random.Random(9).uniform(0.2, 10) for _ in range(6)] if IS_LONG else [0.2, 1.0, 3.0]  # noqa: S311 - a schedule
FROZEN_S = 20.0 if IS_LONG else 7.0  # longer than a lease, and than any client of ours waits
WORK = 4000 if IS_LONG else 400
RESET_EVERY_S = 0.5
CROWD = 120  # the API has 40 threads: three times their wait for the store would be six seconds
OUTLIVED_S = LEASE_S

ANSWERED_WITHIN_S = 3.0
ANSWERED_AT_LAST_S = 6.0  # on a busy machine, while the store is still frozen
BACK_AT_WORK_S = 20.0  # a second or two on a calm machine: the property of the suite tells
RECONNECTED_S = 25.0

Recorder = Callable[[str, object], None]
Refusing = Callable[[ProxiedNode], AbstractContextManager[None]]


def test_fault_09_redis_killed_under_load(node: ProxiedNode, record_testsuite_property: Recorder) -> None:
    valkey = node.servers.valkey
    with bursting(node, 50 * len(DOWN_S), delay_ms=20) as burst:
        for round_, down_s in enumerate(DOWN_S):
            await_count(burst, 25 + 50 * round_)
            with node.outside.redis.down():
                valkey.kill()
                let_pass(down_s)
                valkey.start()
            back_at_s = time.monotonic()
            assert find_misplaced(node.store, burst.ids) == []
            with bursting(node, 1) as fresh:
                pass
            await_all(node.store, fresh.ids, within_s=BACK_AT_WORK_S)
            record_testsuite_property(f"fault 9: recovery after {down_s:.1f} s, s", time.monotonic() - back_at_s)
    # Unanswered is what finds its kept-alive connection closed by the API just as it is used again.
    assert {ACCEPTED, BUSY} <= set(burst.answers) <= {ACCEPTED, BUSY, UNANSWERED}
    await_all(node.store, burst.ids)
    assert_sound(node.store, burst.ids)
    assert node.given_up == []


def test_fault_10_redis_frozen(node: ProxiedNode, record_testsuite_property: Recorder) -> None:
    running = submit_echoes(node, 8, delay_ms=round(FROZEN_S * 1000))
    await_running(node, running)
    problems: list[dict[str, str]] = []
    with frozen(node.servers.valkey.process.pid):
        thaw_at_s = time.monotonic() + FROZEN_S
        while time.monotonic() < thaw_at_s:
            problems.append(refused_submit(node))
    await_next_ending(node.store, within_s=RECONNECTED_S)
    record_testsuite_property("fault 10: recovery from a freeze, s", time.monotonic() - thaw_at_s)
    unsure = [problem["task_id"] for problem in problems if "task_id" in problem]
    recorded = [task_id for task_id in unsure if status_of(node.store, task_id) != "unknown"]
    assert_unharmed(node, running + recorded)


@pytest.mark.long
def test_fault_10_a_crowd_before_a_frozen_redis_is_told_so_in_time(
    node: ProxiedNode, record_testsuite_property: Recorder
) -> None:
    """In three seconds, and twice what this machine needs to serve as many at once when all is well."""
    with ThreadPoolExecutor(CROWD) as clients:
        begun_s = time.monotonic()
        ids = list(clients.map(lambda _: submit_echo(node), range(CROWD)))
        well_s = time.monotonic() - begun_s
        with frozen(node.servers.valkey.process.pid):
            begun_s = time.monotonic()
            problems = list(clients.map(lambda _: refused_submit(node, within_s=20), range(CROWD)))
            refused_s = time.monotonic() - begun_s
    record_testsuite_property("fault 10: a crowd is refused within, s", refused_s)
    record_testsuite_property("fault 10: a crowd is served within, s", well_s)
    assert refused_s < ANSWERED_WITHIN_S + 2 * well_s
    unsure = [problem["task_id"] for problem in problems if "task_id" in problem]
    recorded = [task_id for task_id in unsure if status_of(node.store, task_id) != "unknown"]
    await_all(node.store, ids + recorded)
    assert_sound(node.store, ids + recorded)


def test_fault_10_redis_half_open(node: ProxiedNode, record_testsuite_property: Recorder) -> None:
    running = submit_echoes(node, 8, delay_ms=1000)
    await_running(node, running)
    stranded_at_s = time.monotonic()
    node.outside.redis.strand()
    with bursting(node, 20) as burst:
        pass
    await_all(node.store, burst.ids, within_s=RECONNECTED_S)
    record_testsuite_property("fault 10: recovery from half-open connections, s", time.monotonic() - stranded_at_s)
    assert set(burst.answers) <= {ACCEPTED, BUSY}
    assert_unharmed(node, running)
    assert_sound(node.store, burst.ids)


def test_fault_11_connections_reset_every_half_second(node: ProxiedNode, record_testsuite_property: Recorder) -> None:
    normal_s = cpu_for_tasks(node, in_between=lambda: None)
    worn_s = cpu_for_tasks(node, in_between=node.outside.redis.reset)
    record_testsuite_property("fault 11: CPU of the worker ÷ normal", worn_s / normal_s)
    assert worn_s < 1.5 * normal_s


def test_fault_12_redis_out_of_memory(node: ProxiedNode) -> None:
    assert_outlived(node, out_of_memory)


def test_fault_13_redis_cannot_save(node: ProxiedNode) -> None:
    assert_outlived(node, unable_to_save)


def test_fault_13_redis_is_a_replica(node: ProxiedNode) -> None:
    assert_outlived(node, read_only)


def test_twenty_claims_whose_reply_is_lost_are_repeated(node: ProxiedNode) -> None:
    ids: list[str] = []

    def submit_until_lost() -> bool:
        ids.append(submit_echo(node, delay_ms=50))
        return loss.is_over

    loss = lost_claims(20)
    with node.outside.redis_faults.making(loss):
        wait_for(submit_until_lost, within_s=60)
    await_all(node.store, ids)
    assert_unharmed(node, ids)


def await_running(node: ProxiedNode, ids: list[str]) -> None:
    """Return when all of them run and have beaten."""
    wait_for(lambda: all(node.store.hget(f"orch:task:{task_id}", "beaten") for task_id in ids))


def refused_submit(node: ProxiedNode, *, within_s: float = ANSWERED_AT_LAST_S) -> dict[str, str]:
    """The problem that a submit is answered with, in time and with a hint when to come again."""
    answer = node.http.post("/v1/tasks", json={"type": "system.echo", "params": {}}, timeout=within_s)
    assert answer.status_code == BUSY
    assert int(answer.headers["Retry-After"]) > 0
    problem: dict[str, str] = answer.json()
    return problem


def assert_unharmed(node: ProxiedNode, ids: list[str]) -> None:
    """The tasks succeeded in the one run that was claimed for each, and no process of ours has ended."""
    await_all(node.store, ids)
    assert_sound(node.store, ids)
    assert [task_id for task_id in ids if node.store.hget(f"orch:task:{task_id}", "epoch") != "1"] == []
    assert [task_id for task_id in ids if len(attempts(node.store, task_id)) != 1] == []
    assert node.given_up == []


def assert_outlived(node: ProxiedNode, refusing: Refusing) -> None:
    """While Redis takes no writes nothing is accepted; what runs meanwhile ends all the same."""
    running = submit_echoes(node, 8, delay_ms=1500)
    await_running(node, running)
    recorded = node.store.zcard("orch:tasks:demo")
    with refusing(node):
        assert "task_id" not in refused_submit(node)
        assert node.store.zcard("orch:tasks:demo") == recorded
        let_pass(OUTLIVED_S)
    after = submit_echoes(node, 20)
    await_all(node.store, running + after)
    assert_sound(node.store, after)
    assert_unharmed(node, running)


@contextmanager
def out_of_memory(node: ProxiedNode) -> Iterator[None]:
    node.admin.config_set("maxmemory", "1mb")
    try:
        yield
    finally:
        node.admin.config_set("maxmemory", "0")


@contextmanager
def unable_to_save(node: ProxiedNode) -> Iterator[None]:
    """A snapshot fails: its name is taken by a folder."""
    node.admin.config_set("save", "3600 1")
    try:
        node.admin.bgsave()
        wait_for(lambda: node.store.info("persistence")["rdb_last_bgsave_status"] == "err")
        yield
    finally:
        node.admin.config_set("save", "")


@contextmanager
def read_only(node: ProxiedNode) -> Iterator[None]:
    """It follows a primary that is not there."""
    node.admin.replicaof("127.0.0.1", "1")
    try:
        yield
    finally:
        node.admin.replicaof("NO", "ONE")


def cpu_for_tasks(node: ProxiedNode, *, in_between: Callable[[], None]) -> float:
    """CPU seconds that the worker needs for always the same work, recorded past the API."""
    intake = RedisIntake(Scripts(connect(node.servers.valkey.url, WORKER)))
    with frozen(node.worker), ThreadPoolExecutor(8) as clients:
        begun_s = cpu_s(node.worker)
        ids = list(clients.map(lambda _: intake.submit(new_task(new_id("task"))).task_id, range(WORK)))
    while not statuses(node.store, ids) <= TERMINAL:
        in_between()
        let_pass(RESET_EVERY_S)
    used_s = cpu_s(node.worker) - begun_s
    assert_sound(node.store, ids)
    assert node.given_up == []
    return used_s
