"""`TaskReads` over Redis: plain reads, no scripts."""

import re
from collections.abc import Sequence

from orchestrator.adapters.redis.client import RedisClient
from orchestrator.adapters.redis.connection import redis_errors
from orchestrator.adapters.redis.records import parse_attempt, parse_event, parse_task, parse_told
from orchestrator.domain.errors import InvalidParams, TaskNotFound
from orchestrator.domain.task import Attempt, Task, TaskEvent
from orchestrator.ports.feed import Told
from orchestrator.ports.reads import TaskFilter, TaskPage

TASK_ID = re.compile(r"^[a-z0-9_-]{1,64}$")
RECORDS_A_STEP = 100
RECORDS_A_PAGE = 2_000


class RedisReads:
    """Implements `ports.reads.TaskReads`."""

    def __init__(self, client: RedisClient) -> None:
        self._client = client

    def get(self, project: str, task_id: str) -> Task:
        if not TASK_ID.match(task_id):
            raise TaskNotFound
        with redis_errors():
            flat = self._client.hgetall(f"orch:task:{task_id}")
        if not flat or flat["project"] != project:
            raise TaskNotFound
        return parse_task(flat)

    def list(self, project: str, where: TaskFilter, *, limit: int, cursor: str | None = None) -> TaskPage:
        if cursor is not None and not TASK_ID.match(cursor):
            raise InvalidParams("cursor is not one that this service gave")
        found: list[Task] = []
        with redis_errors():
            for _ in range(RECORDS_A_PAGE // RECORDS_A_STEP):
                ids = self._ids_before(project, cursor)
                for task in self._tasks(ids):
                    cursor = task.id
                    if _matches(task, where):
                        found.append(task)
                    if len(found) == limit:
                        return TaskPage(tuple(found), cursor)
                if len(ids) < RECORDS_A_STEP:
                    return TaskPage(tuple(found), None)
        return TaskPage(tuple(found), cursor)

    def attempts(self, task_id: str) -> tuple[Attempt, ...]:
        with redis_errors():
            entries = self._client.xrange(f"orch:attempts:{task_id}")
        return tuple(parse_attempt(entry_id, fields) for entry_id, fields in entries)

    def events(self, task_id: str, *, after: tuple[int, int] = (0, 0)) -> tuple[TaskEvent, ...]:
        with redis_errors():
            entries = self._client.xrange(f"orch:events:{task_id}", min=f"({after[0]}-{after[1]}")
        return tuple(parse_event(entry_id, fields) for entry_id, fields in entries)

    def story(self, project: str, *, after: tuple[int, int] = (0, 0)) -> tuple[Told, ...]:
        with redis_errors():
            entries = self._client.xrange(f"orch:story:{project}", min=f"({after[0]}-{after[1]}")
        return tuple(parse_told(cursor, fields) for cursor, fields in entries)

    def queue_position(self, task: Task) -> int | None:
        with redis_errors():
            return self._client.zrank(f"orch:ready:{task.waits_in}:{task.project}:{task.model}", task.id)

    def _ids_before(self, project: str, cursor: str | None) -> Sequence[str]:
        newest = f"({cursor}" if cursor else "+"
        return self._client.zrevrangebylex(f"orch:tasks:{project}", newest, "-", 0, RECORDS_A_STEP)

    def _tasks(self, ids: Sequence[str]) -> Sequence[Task]:
        pipeline = self._client.pipeline(transaction=False)
        for task_id in ids:
            pipeline.hgetall(f"orch:task:{task_id}")
        return [parse_task(flat) for flat in pipeline.execute() if flat]


def _matches(task: Task, where: TaskFilter) -> bool:
    return where.status in {None, task.status} and where.type in {None, task.type}
