"""Tell the journal: a destination of deliveries that hears how each task has ended."""

from dataclasses import dataclass

from orchestrator.domain.delivery import Delivery
from orchestrator.domain.journal import Ended
from orchestrator.domain.task import Task, TaskEvent
from orchestrator.ports.journal import Journal


@dataclass(frozen=True, slots=True)
class TellJournal:
    """Implements `ports.destinations.Sender`."""

    journal: Journal
    wants_only_latest: bool = True

    def send(self, delivery: Delivery, task: Task, *, event: TaskEvent) -> str:
        """Whoever has been retried since has another generation in the journal, which needs no end of this one."""
        if not task.status.is_terminal or task.generation != event.generation:
            return "superseded"
        self.journal.note_done(task.project, delivery.task_id, ended=Ended.of(task))
        return "noted"
