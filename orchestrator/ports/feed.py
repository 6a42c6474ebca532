"""What happens to tasks, told as it happens. The one async port: whoever follows holds a connection open (ADR 0006)."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from orchestrator.domain.task import TaskEvent

GAP = "gap"


@dataclass(frozen=True, slots=True)
class Told:
    """Something that happened to a task. Whoever follows again after ``cursor`` misses nothing; progress has none.

    A `GAP` stands where events are forgotten; its data has the task's present status. In the story of a project it is
    of no task: ``task_id`` is empty, and what is now has to be looked up.
    """

    task_id: str
    event: TaskEvent
    cursor: str | None


class Following(Protocol):
    """One follower's place in what is told."""

    async def next(self, *, within_s: float) -> Told | None:
        """What happened next, each once and in order; None when nothing did within ``within_s``.

        What happens while the store is away, or while the follower does not ask, is told afterwards. Of progress only
        the latest is: a step of it may be missed, and none is told after an event that came later.
        """
        ...


class EventFeed(Protocol):
    """Any number of followers cost the store one connection of this process."""

    def follow_task(
        self, project: str, task_id: str, *, after: tuple[int, int]
    ) -> AbstractAsyncContextManager[Following]:
        """Everything about the task after (generation, seq), the present progress, then all that happens from now on.

        A story is bounded: a gap is told where lines are gone, also when the follower asks too late for them.
        """
        ...

    def follow_project(
        self, project: str, *, after: str | None = None
    ) -> AbstractAsyncContextManager[tuple[str, Following]]:
        """Each change of status of the project's tasks after the cursor ``after``, without its data, and progress live.

        Gives the cursor to go on from if nothing happens at all. None means from now on, which is before this returns.
        A gap is told as for a task.

        Raises:
            Unavailable, Overloaded: the store cannot be asked what is now.
        """
        ...

    async def close(self) -> None:
        """Hang up. Followers hear nothing any more."""
        ...
