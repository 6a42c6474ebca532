"""Resubmit: a client's own retry of a failed or canceled task, as its next generation."""

from dataclasses import dataclass

from orchestrator.domain.from_stage import FromStage
from orchestrator.domain.project import Project
from orchestrator.domain.task import Task
from orchestrator.ports.intake import Intake
from orchestrator.ports.pulses import PulseSender
from orchestrator.ports.reads import TaskReads


@dataclass(frozen=True, slots=True)
class ResubmitTask:
    """Two clients that retry the same generation start one run: the second is refused."""

    intake: Intake
    reads: TaskReads
    pulses: PulseSender

    def resubmit(
        self, project: Project, task_id: str, *, generation: int | None, from_stage: FromStage | None = None
    ) -> Task:
        """Queue the task again; ``generation`` is the one the client saw, None means whichever is current.

        It goes on with the stage that failed, or with ``from_stage``.

        Raises:
            TaskNotFound: the project has no such task.
            IllegalMove: as for `Intake.resubmit`.
        """
        if generation is None:
            generation = self.reads.get(project.slug, task_id).generation
        task = self.intake.resubmit(project.slug, task_id, generation=generation, from_stage=from_stage)
        self.pulses.ring(task.waits_in)
        return task
