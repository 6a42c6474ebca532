"""What can be read about tasks. Reads change nothing and may be a moment old."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from orchestrator.domain.task import Attempt, Status, Task, TaskEvent
from orchestrator.ports.feed import Told


@dataclass(frozen=True, slots=True)
class TaskFilter:
    """Which tasks of a project to list; None means any. Times are of the submit; every label must be there."""

    status: Status | None = None
    type: str | None = None
    created_after_ms: int | None = None
    created_before_ms: int | None = None
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TaskPage:
    """Tasks, newest first, and the cursor of the next page (None at the end)."""

    items: tuple[Task, ...]
    next: str | None


class TaskReads(Protocol):
    """Tasks, their attempts and their events."""

    def get(self, project: str, task_id: str) -> Task:
        """The record.

        Raises:
            TaskNotFound: the project has no such task; another project's task is as unknown as any, and so is
                one that was deleted, or whose retention is over.
        """
        ...

    def list(self, project: str, where: TaskFilter, *, limit: int, cursor: str | None = None) -> TaskPage:
        """Tasks of the project, newest first. A page may be short, or empty, and have a next one all the same.

        A task that is submitted meanwhile neither moves a page nor comes twice.

        Raises:
            InvalidParams: the cursor is not one that we gave.
        """
        ...

    def attempts(self, task_id: str) -> tuple[Attempt, ...]:
        """The runs of the task that have ended, oldest first."""
        ...

    def events(self, task_id: str, *, after: tuple[int, int] = (0, 0)) -> tuple[TaskEvent, ...]:
        """The task's story after (generation, seq), oldest first; bounded: a gap is first when lines are gone."""
        ...

    def story(self, project: str, *, after: tuple[int, int] = (0, 0)) -> tuple[Told, ...]:
        """The latest changes of status of the project's tasks, without their data, oldest first; gaps as above."""
        ...
