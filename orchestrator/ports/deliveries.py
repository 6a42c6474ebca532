"""Deliveries as their senders, their clients and the keeper see them. What a delivery is says `domain/delivery.py`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from orchestrator.domain.delivery import Cursor, Delivery
from orchestrator.domain.task import Task, TaskEvent


@dataclass(frozen=True, slots=True)
class Sending:
    """A delivery in the hands of one sender, named by ``claim``, with the ``task`` as it was then.

    ``events`` are the lines after its cursor that the destination asks for, in order, and last how far the run has
    come, if that is to be told; ``until`` is the cursor once all of them are.
    """

    delivery: Delivery
    claim: str
    task: Task
    events: tuple[TaskEvent, ...]
    until: Cursor


@dataclass(frozen=True, slots=True)
class Taken:
    """A ``sending`` whose destination has taken all of it, and what it ``said`` to the last event."""

    sending: Sending
    said: str


@dataclass(frozen=True, slots=True)
class Untold:
    """What is still to be told to one kind of destination."""

    kind: str
    pending: int
    oldest_s: float


@dataclass(frozen=True, slots=True)
class Woken:
    """Deliveries whose sender had gone, and whose time had come; and how many queues may be claimed from now."""

    lapsed: int
    due: int
    claimable: int
    untold: tuple[Untold, ...]


class Outbox(Protocol):
    """Deliveries as a sender takes and returns them. Every write but `claim` is fenced by the claim."""

    def claim(self, claims: Sequence[str]) -> tuple[Sending, ...]:
        """Up to one delivery for each of ``claims``, and the same again for the same ones.

        Projects and channels take turns, and one of them has no more than so many senders at once. A delivery has one
        sender at a time, so what it tells stays in order. A claim is `<owner>/<random>`.
        """
        ...

    def renew(self, sendings: Sequence[Sending]) -> None:
        """Keep them for another lease. A claim that is lost stays lost."""
        ...

    def advance(self, sending: Sending, cursor: Cursor, *, said: str) -> None:
        """The destination has taken all up to ``cursor``, and ``said`` so; nothing of that is told again.

        Raises:
            DeliveryLost: another sender has it, or it is gone.
        """
        ...

    def conclude(self, taken: Sequence[Taken]) -> tuple[Sending, ...]:
        """Nothing of them is told again, and their claims are over; what has come since is claimed anew.

        Returns those of which that cannot be said: another sender has them, or they are gone.
        """
        ...

    def put_off(self, sending: Sending, *, after_s: float, code: str, message: str) -> None:
        """A try has failed: claim it again after so long, from its cursor. Raises `DeliveryLost`."""
        ...

    def hold_back(self, sending: Sending, *, after_s: float) -> None:
        """Nothing of its project goes through its channel for so long. No try is used up. Raises `DeliveryLost`."""
        ...

    def give_up(self, sending: Sending, *, code: str, message: str) -> None:
        """It has failed, until somebody asks for it again or there is more to tell. Raises `DeliveryLost`."""
        ...

    def release(self, sending: Sending) -> None:
        """Give it back at once and as it was. Raises `DeliveryLost`."""
        ...


class DeliveryLog(Protocol):
    """Deliveries as the project sees them."""

    def list(self, project: str, task_id: str) -> tuple[Delivery, ...]:
        """Those of the task, by destination. One that is held back is due when that is over.

        Raises:
            TaskNotFound: the project has no such task.
        """
        ...

    def redeliver(self, project: str, task_id: str, *, destination: str | None = None) -> tuple[Delivery, ...]:
        """Try them at once, or the one to ``destination``, with all their tries; if all is told, the last event again.

        Raises:
            TaskNotFound: the project has no such task.
            DeliveryNotFound: it has no such destination.
        """
        ...


class DeliveryUpkeep(Protocol):
    """What the keeper does to them."""

    def wake(self, *, limit: int) -> Woken:
        """Let those be claimed again whose time has come, and those whose sender has not renewed them in time."""
        ...
