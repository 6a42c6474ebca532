"""Delete: end a task as a cancel does, and let no client see it again."""

from dataclasses import dataclass

from orchestrator.domain.project import Project
from orchestrator.ports.intake import Intake


@dataclass(frozen=True, slots=True)
class DeleteTask:
    """The keeper's sweep removes the artifacts: once the task has ended, and once more a day later."""

    intake: Intake

    def delete(self, project: Project, task_id: str) -> None:
        """Again is harmless, for a day.

        Raises:
            TaskNotFound: the project has no such task.
        """
        self.intake.delete(project.slug, task_id)
