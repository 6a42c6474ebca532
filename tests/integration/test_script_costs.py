"""What the scripts of a task cost the store: how many commands they send, and that no backlog makes them more.

Counts, not microseconds: those are in docs/performance.md, measured on a machine of one's own.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
import redis
from record_store import DONE, RecordStore, new_task, no_fsync, open_store

from orchestrator.domain.limits import LaneLimits, Quotas
from orchestrator.domain.task import NewTask, Run
from orchestrator.ports.claims import Beat

PROJECTS = 100
BACKLOG = 1_500
BUDGET = {"submit": 15, "claim": 35, "beat": 5, "advance": 2, "finish": 19}
LIMITED_BUDGET = {"submit": 19, "claim": 41, "beat": 5, "advance": 2, "finish": 21}
EVERY_QUOTA = Quotas(max_running=1_000, max_queued=1_000_000, gpu_s_per_hour=1e6, max_bytes=10**12)
EVERY_LIMIT = LaneLimits(tasks=1_000_000, wait_s=1e6, need_worker=True)


@pytest.fixture
def store(redis_url: str) -> Iterator[RecordStore]:
    with no_fsync(redis_url), open_store(redis_url) as opened:
        yield opened


def queued(number: int, name: str) -> NewTask:
    return new_task(f"{name}-{number:05}", project=f"film-{number % PROJECTS:02}")


def commands(url: str, call: Callable[[], object]) -> int:
    """How many commands the scripts behind ``call`` sent."""
    with redis.Redis.from_url(url) as client:
        client.config_resetstat()
        call()
        stats = client.info("commandstats")
    ours = {name: count for name, count in stats.items() if not name.startswith(("cmdstat_eval", "cmdstat_config"))}
    return sum(int(count["calls"]) for count in ours.values())


def costs(store: RecordStore, url: str, *, name: str) -> dict[str, int]:
    """Of one task from submit to finish, when its project has another one waiting."""
    claims, runs = store.claims, list[Run]()
    return {
        "submit": commands(url, lambda: store.submit(queued(0, name))),
        "claim": commands(url, lambda: runs.append(store.claim_one())),
        "beat": commands(url, lambda: claims.beat([Beat(runs[0])])),
        "advance": commands(url, lambda: claims.advance(runs[0], "infer", checkpoint={})),
        "finish": commands(url, lambda: claims.finish(runs[0], replace(DONE, actual_s=2.0))),
    }


def test_no_backlog_makes_a_script_do_more(store: RecordStore, redis_url: str) -> None:
    store.submit(*(queued(number, "first") for number in (0, 1, 2, PROJECTS, PROJECTS + 1, PROJECTS + 2)))
    costs(store, redis_url, name="warm")  # loads the scripts
    alone = costs(store, redis_url, name="alone")
    store.submit(*(queued(number, "backlog") for number in range(BACKLOG)))
    beside_others = costs(store, redis_url, name="beside")
    assert beside_others == alone
    assert all(alone[script] <= count for script, count in BUDGET.items()), alone


def test_every_limit_costs_a_few_commands_more_and_none_more_for_a_backlog(redis_url: str) -> None:
    with no_fsync(redis_url), open_store(redis_url, quotas=EVERY_QUOTA, lanes=EVERY_LIMIT) as store:
        store.client.set("orch:alive:worker-io", "1")
        store.submit(*(queued(number, "first") for number in (0, 1, 2, PROJECTS, PROJECTS + 1, PROJECTS + 2)))
        costs(store, redis_url, name="warm")
        alone = costs(store, redis_url, name="alone")
        store.fill(queued(number, "backlog") for number in range(BACKLOG))
        assert costs(store, redis_url, name="beside") == alone
    assert all(alone[script] <= count for script, count in LIMITED_BUDGET.items()), alone
