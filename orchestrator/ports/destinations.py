"""Whom a delivery tells: one sender for each kind of destination."""

from typing import Protocol

from orchestrator.domain.delivery import Delivery
from orchestrator.domain.task import Task, TaskEvent


class Sender(Protocol):
    """A kind of destination. What it is told may come again: receivers compare (generation, seq)."""

    @property
    def wants_only_latest(self) -> bool:
        """Whether it shows a state and not a story: of several lines it is told the last one only."""
        ...

    def send(self, delivery: Delivery, task: Task, *, event: TaskEvent) -> str:
        """Tell the destination of ``event``, the next line in order, and return its answer in a few words.

        ``task`` is the record as it is now, later than the event maybe. An event of type `progress` is no line of the
        story: it has the number of the last line before it.

        Raises:
            Unavailable: try again, by the policy of the kind.
            Overloaded: try again, and not before it says.
            Refused: this destination will not take it; the delivery is given up until it is asked for again.
        """
        ...
