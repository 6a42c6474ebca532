"""Change many: cancel, retry or re-prioritise what fits a filter, a page at a time, each task by its own script."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from orchestrator.domain.errors import IllegalMove, TaskNotFound
from orchestrator.domain.overload import NotReady, QueueFull, QuotaExceeded
from orchestrator.domain.task import Move, Priority, Status, Task, allows
from orchestrator.ports.intake import Intake
from orchestrator.ports.pulses import PulseSender
from orchestrator.ports.reads import TaskFilter, TaskReads

CHANGED_A_CALL = 100
COUNTED_A_CALL = 1_000
IDS_SHOWN = 20
REFUSED = (IllegalMove, TaskNotFound, QuotaExceeded, QueueFull, NotReady)


class Action(StrEnum):
    """What to do with each."""

    CANCEL = "cancel"
    RETRY = "retry"
    REPRIORITIZE = "reprioritize"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which tasks of ``project``, and what becomes of them. A dry run changes none; ``cursor`` goes on after a page."""

    action: Action
    project: str
    where: TaskFilter
    priority: Priority = Priority.NORMAL
    dry_run: bool = False
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Changed:
    """``matched`` tasks of this page, their first ids, and how many of them met which end: a status, or the code of
    what was in the way. ``next`` is the cursor of the next page, None at the end.
    """

    matched: int
    ids: tuple[str, ...]
    outcomes: Mapping[str, int]
    next: str | None


@dataclass(frozen=True, slots=True)
class ChangeMany:
    """Work is bounded by the page: nobody waits for a call that cancels 100,000."""

    intake: Intake
    reads: TaskReads
    pulses: PulseSender

    def change(self, wanted: Wanted) -> Changed:
        """Do it to the next page. What moves meanwhile is left to the script of the single action, which decides."""
        limit = COUNTED_A_CALL if wanted.dry_run else CHANGED_A_CALL
        page = self.reads.list(wanted.project, wanted.where, limit=limit, cursor=wanted.cursor)
        found = [task for task in page.items if _is_open_to(wanted, task)]
        outcomes = {} if wanted.dry_run else self._change_each(wanted, found)
        return Changed(len(found), tuple(task.id for task in found[:IDS_SHOWN]), outcomes, page.next)

    def _change_each(self, wanted: Wanted, found: list[Task]) -> Mapping[str, int]:
        outcomes, lanes = Counter[str](), set[str]()
        act = self._act_of(wanted)
        for task in reversed(found):  # the oldest first: tasks that are queued again keep their order
            try:
                changed = act(task)
                outcomes["canceling" if changed.is_canceling else changed.status] += 1
                lanes.add(changed.waits_in)
            except REFUSED as error:
                outcomes[error.code] += 1
        if wanted.action is Action.RETRY:
            for lane in sorted(lanes):
                self.pulses.ring(lane)
        return outcomes

    def _act_of(self, wanted: Wanted) -> Callable[[Task], Task]:
        acts: Mapping[Action, Callable[[Task], Task]] = {
            Action.CANCEL: lambda task: self.intake.cancel(task.project, task.id),
            Action.RETRY: lambda task: self.intake.resubmit(task.project, task.id, generation=task.generation),
            Action.REPRIORITIZE: lambda task: self.intake.change(task.project, task.id, priority=wanted.priority),
        }
        return acts[wanted.action]


def _is_open_to(wanted: Wanted, task: Task) -> bool:
    """Whether the action would change anything about the task."""
    match wanted.action:
        case Action.CANCEL:
            return not task.status.is_terminal and not task.is_canceling
        case Action.RETRY:
            return allows(task.status, Move.RESUBMIT)
        case Action.REPRIORITIZE:
            return task.status is Status.QUEUED and task.priority is not wanted.priority
