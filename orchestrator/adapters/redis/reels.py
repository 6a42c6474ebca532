"""What one follower is told, in order and once: from a stream of Redis as far as it goes, then from what is published.

Every line has a number, so what comes from both sides, or comes again, is known by it.
"""

import json
from dataclasses import dataclass
from typing import Protocol

from orchestrator.adapters.redis.client import AsyncRedis
from orchestrator.adapters.redis.stories import (
    BEGINNING,
    FACTS,
    Position,
    has_lost_entries,
    parse_position,
    render_position,
    tell_of_project,
    tell_of_task,
)
from orchestrator.domain.task import Status, TaskEvent
from orchestrator.ports.feed import GAP, Told

PROGRESS = "progress"


@dataclass(frozen=True, slots=True)
class Published:
    """A message of `publish` in `lua/places.lua`. ``cursor`` is its line in the project's story, or empty."""

    task_id: str
    place: str
    cursor: str
    kind: str
    at_ms: int
    data: str

    def event(self) -> TaskEvent:
        generation, seq = parse_position(self.place)
        return TaskEvent(generation, seq, self.kind, self.at_ms, json.loads(self.data))


class Reel(Protocol):
    """One follower's place."""

    name: str
    is_pattern: bool

    async def read(self, client: AsyncRedis) -> list[Told]:
        """What the store keeps and this follower has not been told."""
        ...

    def play(self, published: Published) -> Told | None:
        """The same for what was published; None when it is old."""
        ...


class TaskReel:
    """Everything about one task. Progress has the number of the line that it came after, and the time."""

    is_pattern = False

    def __init__(self, project: str, task_id: str, *, after: Position) -> None:
        self.name = channel_of(project, task_id)
        self._task_id = task_id
        self._last = after
        self._progress_ms = 0

    async def read(self, client: AsyncRedis) -> list[Told]:
        pipeline = client.pipeline(transaction=True)
        pipeline.xrange(f"orch:events:{self._task_id}", min=f"({render_position(self._last)}")
        pipeline.hmget(f"orch:task:{self._task_id}", (*FACTS, PROGRESS))
        entries, (*facts, progress) = await pipeline.execute()
        events = tell_of_task(entries, facts, after=self._last)
        status, generation, seq, at_ms, _ = facts
        if status == Status.RUNNING and progress:
            events.append(TaskEvent(int(generation), int(seq), PROGRESS, int(at_ms), json.loads(progress)))
        return [told for event in events if (told := self._tell(event))]

    def play(self, published: Published) -> Told | None:
        return self._tell(published.event())

    def _tell(self, event: TaskEvent) -> Told | None:
        place = (event.generation, event.seq)
        if event.type == GAP:
            return Told(self._task_id, event, cursor=None)
        if event.type == PROGRESS:
            if place < self._last or event.at_ms <= self._progress_ms:
                return None
            self._progress_ms = event.at_ms
            return Told(self._task_id, event, cursor=None)
        if place <= self._last:
            return None
        self._last = place
        return Told(self._task_id, event, cursor=render_position(place))


class ProjectReel:
    """Changes of status of a project's tasks, and progress as it is published."""

    is_pattern = True

    def __init__(self, project: str, *, after: str) -> None:
        self.name = channel_of(project, "*")
        self._story = f"orch:story:{project}"
        self._last = parse_position(after)
        self._read_last: dict[str, Position] = {}

    async def read(self, client: AsyncRedis) -> list[Told]:
        entries, is_cut = await client.xrange(self._story, min=render_position(self._last)), False
        if entries and self._last == BEGINNING:
            is_cut = has_lost_entries(await client.xinfo_stream(self._story))
        told = tell_of_project(entries, after=self._last, is_cut=is_cut)
        if entries:
            self._last = parse_position(entries[-1][0])
        self._read_last = {fields["task"]: parse_position(fields["event"]) for _, fields in entries}
        return told

    def play(self, published: Published) -> Told | None:
        place = parse_position(published.place)
        if published.kind == PROGRESS:
            is_old = place < self._read_last.get(published.task_id, place)
            return None if is_old else Told(published.task_id, published.event(), cursor=None)
        if not published.cursor or parse_position(published.cursor) <= self._last:
            return None
        self._last = parse_position(published.cursor)
        event = TaskEvent(*place, published.kind, published.at_ms, {})
        return Told(published.task_id, event, cursor=published.cursor)


def channel_of(project: str, task_id: str) -> str:
    return f"orch:feed:{project}:{task_id}"


def parse_published(channel: str, text: str) -> Published:
    """Read a message; the task's id is in the name of its channel."""
    place, cursor, kind, at_ms, data = text.split(" ", 4)
    return Published(channel.rpartition(":")[2], place, cursor, kind, int(at_ms), data)
