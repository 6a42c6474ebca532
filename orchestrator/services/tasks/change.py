"""Change: another priority or other labels for a task that waits."""

from dataclasses import dataclass

from orchestrator.domain.project import Project
from orchestrator.domain.task import JsonObject, Priority, Task
from orchestrator.ports.intake import Intake


@dataclass(frozen=True, slots=True)
class ChangeTask:
    """A task that runs or has ended stays as it was submitted, but for the time when it goes."""

    intake: Intake

    def change(
        self,
        project: Project,
        task_id: str,
        *,
        priority: Priority | None,
        labels: JsonObject | None,
        expires_at_ms: int | None = None,
    ) -> Task:
        """The task as it is afterwards; None leaves what is, zero takes a time to go away.

        Raises:
            TaskNotFound: the project has no such task.
            IllegalMove: the task is not queued, and more than its time to go should change.
        """
        return self.intake.change(project.slug, task_id, priority=priority, labels=labels, expires_at_ms=expires_at_ms)
