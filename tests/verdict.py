"""The common criterion of every fault: nothing accepted is lost, nothing ends twice, nothing is left behind."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

import httpx
from processes import wait_for

from orchestrator.adapters.redis.client import Fields, RedisClient

TERMINAL = frozenset({"succeeded", "failed", "canceled"})
# A task that has not ended is in exactly one place, one that has is in none (I1); looked at in one moment.
MISPLACED = """
local found = {}
for _, id in ipairs(ARGV) do
  local task = redis.call('HMGET', 'orch:task:' .. id, 'status', 'lane', 'project', 'model', 'solo', 'type',
    'pool')
  local lane = task[1] and task[2] .. (task[7] and '@' .. task[7] or '') .. (task[5] and '.solo' or '')
  local ready = task[1] and 'orch:ready:' .. lane .. ':' .. task[3] .. ':' .. task[4] .. ':' .. task[6] or ''
  local places = 0
  for _, key in ipairs({'orch:leases', 'orch:delayed', ready}) do
    if redis.call('ZSCORE', key, id) then places = places + 1 end
  end
  local lives = task[1] == 'queued' or task[1] == 'running'
  if not task[1] or places ~= (lives and 1 or 0) then found[#found + 1] = id .. ' is in ' .. places .. ' places' end
end
return found
"""
LEFTOVERS = ("orch:ready:*", "orch:leases", "orch:delayed", "orch:held:*", "orch:models:*", "orch:turn:*")


class Store(RedisClient, Protocol):
    """The store of records, with the commands that only tests send."""

    def scan_iter(self, match: str) -> Iterator[str]: ...

    def smembers(self, name: str) -> set[str]: ...

    def hmget(self, name: str, keys: Sequence[str]) -> list[str | None]: ...

    def zcard(self, name: str) -> int: ...

    def zscore(self, name: str, value: str) -> float | None: ...

    def pttl(self, name: str) -> int: ...

    def client_kill_filter(self, *, _type: str, skipme: bool) -> int: ...


def find_misplaced(store: Store, ids: Sequence[str]) -> list[str]:
    """The tasks that break I1 at this moment."""
    found: list[str] = store.eval(MISPLACED, 0, *ids)
    return found


def status_of(store: Store, task_id: str) -> str:
    return store.hget(f"orch:task:{task_id}", "status") or "unknown"


def statuses(store: Store, ids: Iterable[str]) -> set[str]:
    return {status_of(store, task_id) for task_id in ids}


def await_all(store: Store, ids: Sequence[str], *, within_s: float = 60.0) -> None:
    """Return when every task has ended."""
    wait_for(lambda: statuses(store, ids) <= TERMINAL, within_s=within_s)


def await_next_ending(store: Store, *, within_s: float = 30.0) -> None:
    """Return when one more task has ended."""
    before = store.zcard("orch:ended")
    wait_for(lambda: store.zcard("orch:ended") > before, within_s=within_s)


def endings(store: Store, task_id: str) -> dict[str, list[str]]:
    """The terminal events of the task, by generation."""
    found: dict[str, list[str]] = {}
    for entry_id, event in store.xrange(f"orch:events:{task_id}"):
        if event["type"] in TERMINAL:
            found.setdefault(entry_id.partition("-")[0], []).append(event["type"])
    return found


def assert_sound(store: Store, ids: Sequence[str], *, status: str = "succeeded") -> None:
    """Every one of ``ids`` has ended exactly once, as ``status``, and nothing of it is left in any index."""
    assert len(set(ids)) == len(ids)
    assert statuses(store, ids) == {status}
    assert [task_id for task_id in ids if endings(store, task_id) != {"1": [status]}] == []
    assert_settled(store, ids)


def assert_settled(store: Store, ids: Sequence[str]) -> None:
    """``ids`` are all the tasks there are, all of them have ended, and nothing is left in any index."""
    assert find_misplaced(store, ids) == []
    assert [key for pattern in LEFTOVERS for key in store.scan_iter(pattern)] == []


def attempts(store: Store, task_id: str) -> list[Fields]:
    """The runs of the task that count, oldest first."""
    return [fields for _, fields in store.xrange(f"orch:attempts:{task_id}")]


def crashes(store: Store, task_id: str) -> int:
    """How often a run of the task has crashed."""
    return int(store.hget(f"orch:task:{task_id}", "tries:crash") or 0)


def held_by(store: Store) -> dict[int, set[str]]:
    """What each child is running, by the child's pid; an owner is host:pid:start."""
    return {int(key.split(":")[3]): store.smembers(key) for key in store.scan_iter("orch:held:*")}


def count_stale_writes(worker_metrics: str) -> float:
    """How many writes of runs that had lost their task the workers have seen refused."""
    return read_metric(worker_metrics, "orchestrator_stale_writes_total")


def read_metric(url: str, series: str) -> float:
    """The value of one series at an address that Prometheus scrapes; 0 until it is there."""
    found = re.search(rf"^{re.escape(series)} (\S+)$", httpx.get(url).text, re.MULTILINE)
    return float(found[1]) if found else 0.0
