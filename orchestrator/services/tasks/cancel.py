"""Cancel: a queued task ends at once, a running one is asked to stop."""

from dataclasses import dataclass

from orchestrator.domain.project import Project
from orchestrator.domain.task import Task
from orchestrator.ports.intake import Intake


@dataclass(frozen=True, slots=True)
class CancelTask:
    """The run of a task hears of it with its next beat; nobody needs to be rung."""

    intake: Intake

    def cancel(self, project: Project, task_id: str) -> Task:
        """The task as it is afterwards; one that has ended already is left as it is.

        Raises:
            TaskNotFound: the project has no such task.
        """
        return self.intake.cancel(project.slug, task_id)
