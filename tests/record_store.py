"""The record on a real Valkey with its clock in the test's hand, for tests of the core."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, count, islice

import redis

from orchestrator.adapters.redis.claims import RedisClaims
from orchestrator.adapters.redis.client import RedisClient
from orchestrator.adapters.redis.connection import WORKER, connect
from orchestrator.adapters.redis.forecast import RedisForecast
from orchestrator.adapters.redis.intake import RedisIntake, render_new
from orchestrator.adapters.redis.pauses import RedisPauses
from orchestrator.adapters.redis.reads import RedisReads
from orchestrator.adapters.redis.scripts import Scripts, script_text
from orchestrator.adapters.redis.upkeep import RedisUpkeep
from orchestrator.adapters.redis.uploads import RedisUploadLog
from orchestrator.domain.errors import Category
from orchestrator.domain.lane import solo_lane
from orchestrator.domain.limits import ENDLESS, UNLIMITED, LaneLimits, Quotas
from orchestrator.domain.task import Failure, NewTask, Priority, Run, Task
from orchestrator.ports.claims import Claimed, Commit
from orchestrator.ports.upkeep import Find, Mended

# For a store of many examples: nobody waits for the disk, and a restart does not read all that they wrote.
SMALL_LOG = ("--appendfsync", "no", "--auto-aof-rewrite-min-size", "4mb")
START_MS = 1_800_000_000_000
LEASE_MS = 30_000
RETENTION_MS = 3_600_000
TICK_MS = 1_000
FILLED_AT_ONCE = 1_000
SUBMIT_MANY = f"""
    local all, width = ARGV, tonumber(ARGV[1])
    for first = 2, #all, width do
        local ARGV = {{unpack(all, first, first + width - 1)}}
        ;(function() {script_text("submit").removeprefix("#!lua")}
        end)()
    end
"""

DONE = Commit(outputs=(), result={"ok": True}, usage={}, actual_s=1.0)
FAILURE = Failure("no_answer", Category.NETWORK, "There was no answer.", retryable=True)


def new_task(
    task_id: str, *, project: str = "film-a", key: str | None = None, start_by_s: float | None = None
) -> NewTask:
    """A task of lane `io`; `dataclasses.replace` changes the rest."""
    return NewTask(
        id=task_id,
        project=project,
        type="system.echo",
        lane="io",
        model="echo",
        input={},
        params={},
        labels={},
        priority=Priority.NORMAL,
        predicted_s=1.0,
        request_sha256="same",
        idempotency_key=key,
        start_by_s=start_by_s,
    )


@dataclass
class RecordStore:
    """The adapters of the record; time stands still between calls of `pass_time` and `tick`."""

    scripts: Scripts
    lease_ms: int = LEASE_MS
    quotas: Quotas = UNLIMITED
    lanes: LaneLimits = ENDLESS

    def __post_init__(self) -> None:
        self.intake = RedisIntake(self.scripts, quotas=self.quotas, lanes=self.lanes)
        self.claims = RedisClaims(self.scripts, self.lease_ms, quotas=self.quotas)
        self.upkeep = RedisUpkeep(self.scripts, self.lease_ms, RETENTION_MS)
        self.uploads = RedisUploadLog(self.scripts, quotas=self.quotas)
        self.reads = RedisReads(self.client)
        self.forecast = RedisForecast(self.scripts, quotas=self.quotas, lanes=self.lanes, known_for_s=0)
        self.pauses = RedisPauses(self.scripts)
        self._run_ids = (f"run-{number}" for number in count(1))

    @property
    def client(self) -> RedisClient:
        return self.scripts.client

    @property
    def now_ms(self) -> int:
        assert self.scripts.now_ms is not None
        return self.scripts.now_ms

    def submit(self, *tasks: NewTask) -> None:
        for task in tasks:
            self.intake.submit(task)

    def fill(self, tasks: Iterable[NewTask]) -> None:
        """Submit many quickly: the script itself, in a loop inside the store."""
        waiting = iter(tasks)
        while batch := list(islice(waiting, FILLED_AT_ONCE)):
            given = [[str(self.now_ms), *map(str, chain(*render_new(task).items()))] for task in batch]
            self.client.eval(SUBMIT_MANY, 0, str(len(given[0])), *chain(*given))

    def claim(self, *, count: int = 1, lane: str = "io", owner: str = "worker-1") -> Claimed:
        return self.claims.claim(lane, owner, run_ids=[next(self._run_ids) for _ in range(count)])

    def claim_one(self) -> Run:
        """The next of the lane, or of those that run alone."""
        (run,) = self.claim().runs or self.claim(lane=solo_lane("io")).runs
        return run

    def task(self, task_id: str, project: str = "film-a") -> Task:
        return self.reads.get(project, task_id)

    def pass_time(self, milliseconds: int) -> None:
        """Nobody ticks meanwhile, as when every keeper is away."""
        self.scripts.now_ms = self.now_ms + milliseconds

    def tick(self, seconds: int = 0) -> Mended:
        """Let ``seconds`` pass with a reconcile in each; what the last one found."""
        found = self.upkeep.reconcile(limit=100)
        for _ in range(seconds):
            self.pass_time(TICK_MS)
            found = self.upkeep.reconcile(limit=100)
        return found

    def dump(self) -> str:
        """Every key, with its value."""
        return read_all(self.client)


READ_ALL = """
    local read = {hash = {'HGETALL'}, zset = {'ZRANGE', 0, -1, 'WITHSCORES'}, set = {'SMEMBERS'},
        stream = {'XRANGE', '-', '+'}, string = {'GET'}}
    local found = {}
    for _, key in ipairs(redis.call('KEYS', '*')) do
        local how = read[redis.call('TYPE', key).ok]
        if key ~= 'orch:reconcile' and key ~= 'orch:audit' then found[key] = redis.call(how[1], key, unpack(how, 2)) end
    end
    return cjson.encode(found)
"""


def read_all(client: RedisClient) -> str:
    """Every key with its value, but for how far the duties have come."""
    return json.dumps(json.loads(client.eval(READ_ALL, 0)), sort_keys=True)


def is_unchanged(before: str, after: str) -> bool:
    """Nothing was written between two dumps. What a claim handed out may be gone: it ends by the server's own clock,
    which a busy machine lets run on while a test's clock stands still.
    """
    was, now = dict(json.loads(before)), dict(json.loads(after))
    return now == {key: value for key, value in was.items() if key in now or not key.startswith("orch:run:")}


def walk(store: RecordStore, *, limit: int = 7) -> set[tuple[str, str, str]]:
    """One round of audit, in small steps; what it found."""
    finds: list[Find] = []
    for _ in range(10_000):
        audited = store.upkeep.audit(limit=limit)
        finds += audited.finds
        if audited.has_come_round:
            return {(find.fault, find.index, find.subject) for find in finds}
    raise AssertionError("the walk does not come round")


@contextmanager
def open_store(
    url: str, *, lease_ms: int = LEASE_MS, quotas: Quotas = UNLIMITED, lanes: LaneLimits = ENDLESS
) -> Iterator[RecordStore]:
    client = connect(url, WORKER)
    try:
        yield RecordStore(Scripts(client, now_ms=START_MS), lease_ms, quotas, lanes)
    finally:
        client.close()


@contextmanager
def no_fsync(url: str) -> Iterator[None]:
    """Nobody waits for the disk, in a test of many thousand calls that never kills its store."""
    with redis.Redis.from_url(url) as client:
        client.config_set("appendfsync", "no")
        try:
            yield
        finally:
            client.config_set("appendfsync", "always")
