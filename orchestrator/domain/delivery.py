"""A delivery: telling one destination what became of one task. Its record says how far it has come."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from orchestrator.domain.errors import NotFound, RunEnded

PAYLOAD = "payload"
JOURNAL = "journal"
WEBHOOK = "webhook"
SENDING_LANE = "io"  # whose workers send


class DeliveryStatus(StrEnum):
    """``pending`` has something to tell, now or when it is due; ``failed`` was given up, until asked for again."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, order=True)
class Cursor:
    """A line of a task's story; the cursor of a delivery is the last one that its destination has taken."""

    generation: int = 0
    seq: int = 0

    def __str__(self) -> str:
        return f"{self.generation}-{self.seq}"

    @classmethod
    def parse(cls, text: str) -> Self:
        generation, _, seq = text.partition("-")
        return cls(int(generation), int(seq))


@dataclass(frozen=True, slots=True)
class Answer:
    """What a destination said to the latest try, shortened; ``code`` is ours: `ok`, or that of an error."""

    at_ms: int
    code: str
    message: str = ""


@dataclass(frozen=True, slots=True)
class Delivery:
    """``destination`` is unique within the task: `payload`, `journal`, `webhook:<endpoint id>`, or `webhook:task` for
    the one that the task itself names. ``channel`` is what it goes through: `payload`, `journal`, `webhook:<host>`; a
    project's deliveries through one channel queue together, and breakers are the channels'.
    """

    task_id: str
    project: str
    destination: str
    channel: str
    status: DeliveryStatus
    cursor: Cursor
    tries: int = 0
    due_ms: int | None = None
    updated_at_ms: int = 0
    last: Answer | None = None

    @property
    def kind(self) -> str:
        """`payload`, `journal` or `webhook`."""
        return self.destination.partition(":")[0]


class DeliveryNotFound(NotFound):
    """The task has no delivery to such a destination; its list of deliveries names them."""

    code = "delivery_not_found"


class DeliveryLost(RunEnded):
    """Another sender has the delivery now, or it is gone."""

    code = "delivery_lost"
