"""`TaskReads` over Redis: plain reads, no scripts."""

import json
import re
from collections.abc import Sequence

from orchestrator.adapters.redis.client import RedisClient
from orchestrator.adapters.redis.connection import redis_errors
from orchestrator.adapters.redis.records import parse_attempt, parse_task
from orchestrator.adapters.redis.stories import (
    BEGINNING,
    FACTS,
    has_lost_entries,
    render_position,
    tell_of_project,
    tell_of_task,
)
from orchestrator.domain.errors import InvalidParams, TaskNotFound
from orchestrator.domain.ids import first_id
from orchestrator.domain.task import Attempt, Task, TaskEvent
from orchestrator.ports.feed import Told
from orchestrator.ports.reads import TaskFilter, TaskPage

TASK_ID = re.compile(r"^[a-z0-9_-]{1,64}$")
RECORDS_A_STEP = 100
RECORDS_A_PAGE = 2_000
CONDEMNED = "condemned"
FILTERED = ("status", "type", "created_ms", "labels", CONDEMNED)
CLOCKS_DIFFER_MS = 300_000


class RedisReads:
    """Implements `ports.reads.TaskReads`."""

    def __init__(self, client: RedisClient) -> None:
        self._client = client

    def get(self, project: str, task_id: str) -> Task:
        if not TASK_ID.match(task_id):
            raise TaskNotFound
        with redis_errors():
            flat = self._client.hgetall(f"orch:task:{task_id}")
        if not flat or flat["project"] != project or CONDEMNED in flat:
            raise TaskNotFound
        return parse_task(flat)

    def list(self, project: str, where: TaskFilter, *, limit: int, cursor: str | None = None) -> TaskPage:
        if cursor is not None and not TASK_ID.match(cursor):
            raise InvalidParams("cursor is not one that this service gave")
        found: list[Task] = []
        with redis_errors():
            for _ in range(RECORDS_A_PAGE // RECORDS_A_STEP):
                ids = self._ids_before(project, cursor, where=where)
                wanted = self._matching(ids, where)[: limit - len(found)]
                found += self._tasks(wanted)
                if len(found) == limit:
                    return TaskPage(tuple(found), wanted[-1])
                if len(ids) < RECORDS_A_STEP:
                    return TaskPage(tuple(found), None)
                cursor = ids[-1]
        return TaskPage(tuple(found), cursor)

    def attempts(self, task_id: str) -> tuple[Attempt, ...]:
        with redis_errors():
            entries = self._client.xrange(f"orch:attempts:{task_id}")
        return tuple(parse_attempt(entry_id, fields) for entry_id, fields in entries)

    def events(self, task_id: str, *, after: tuple[int, int] = (0, 0)) -> tuple[TaskEvent, ...]:
        pipeline = self._client.pipeline(transaction=True)
        pipeline.xrange(f"orch:events:{task_id}", min=f"({render_position(after)}")
        pipeline.hmget(f"orch:task:{task_id}", FACTS)
        with redis_errors():
            entries, facts = pipeline.execute()
        return tuple(tell_of_task(entries, facts, after=after))

    def story(self, project: str, *, after: tuple[int, int] = (0, 0)) -> tuple[Told, ...]:
        story, is_cut = f"orch:story:{project}", False
        with redis_errors():
            entries = self._client.xrange(story, min=render_position(after))
            if entries and after == BEGINNING:
                is_cut = has_lost_entries(self._client.xinfo_stream(story))
        return tuple(tell_of_project(entries, after=after, is_cut=is_cut))

    def _ids_before(self, project: str, cursor: str | None, *, where: TaskFilter) -> Sequence[str]:
        """Ids sort by the clock of the process that made them, which may differ from the store's: hence the slack."""
        newest, oldest = f"({cursor}" if cursor else "+", "-"
        if where.created_before_ms is not None and cursor is None:
            newest = f"({first_id('task', at_ms=where.created_before_ms + CLOCKS_DIFFER_MS)}"
        if where.created_after_ms is not None:
            oldest = f"[{first_id('task', at_ms=max(0, where.created_after_ms - CLOCKS_DIFFER_MS))}"
        return self._client.zrevrangebylex(f"orch:tasks:{project}", newest, oldest, 0, RECORDS_A_STEP)

    def _matching(self, ids: Sequence[str], where: TaskFilter) -> Sequence[str]:
        """Those that fit, by the few fields that it takes to know: whole records cost four times as much CPU."""
        if where == TaskFilter():
            return ids
        pipeline = self._client.pipeline(transaction=False)
        for task_id in ids:
            pipeline.hmget(f"orch:task:{task_id}", FILTERED)
        return [task_id for task_id, read in zip(ids, pipeline.execute(), strict=True) if _fits(read, where)]

    def _tasks(self, ids: Sequence[str]) -> Sequence[Task]:
        pipeline = self._client.pipeline(transaction=False)
        for task_id in ids:
            pipeline.hgetall(f"orch:task:{task_id}")
        return [parse_task(flat) for flat in pipeline.execute() if flat and CONDEMNED not in flat]


def _fits(read: Sequence[str | None], where: TaskFilter) -> bool:
    status, task_type, created_ms, labels, condemned = read
    if status is None or created_ms is None or condemned:
        return False  # forgotten meanwhile, or about to be
    return (
        where.status in {None, status}
        and where.type in {None, task_type}
        and (where.created_after_ms is None or int(created_ms) > where.created_after_ms)
        and (where.created_before_ms is None or int(created_ms) < where.created_before_ms)
        and where.labels.items() <= json.loads(labels or "{}").items()
    )
