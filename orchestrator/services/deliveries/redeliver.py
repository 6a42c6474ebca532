"""Redeliver: try again at once to tell what became of a task."""

from dataclasses import dataclass

from orchestrator.domain.delivery import SENDING_LANE, Delivery
from orchestrator.domain.project import Project
from orchestrator.ports.deliveries import DeliveryLog
from orchestrator.ports.pulses import PulseSender


@dataclass(frozen=True, slots=True)
class Redeliver:
    """Who asks has mended the destination, or wants to see an event once more."""

    deliveries: DeliveryLog
    pulses: PulseSender

    def redeliver(self, project: Project, task_id: str, *, destination: str | None) -> tuple[Delivery, ...]:
        """All deliveries of the task, or that to ``destination``.

        Raises:
            TaskNotFound: the project has no such task.
            DeliveryNotFound: the task has no such destination.
        """
        found = self.deliveries.redeliver(project.slug, task_id, destination=destination)
        if found:
            self.pulses.ring(SENDING_LANE)
        return found
