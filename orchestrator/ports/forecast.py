"""What is likely to become of tasks: their cost and their wait. Nothing here is a promise, and nothing is changed."""

from dataclasses import dataclass
from typing import Protocol

from orchestrator.domain.cost import Cost
from orchestrator.domain.errors import Overloaded
from orchestrator.domain.task import NewTask, Task


@dataclass(frozen=True, slots=True)
class Place:
    """``position`` tasks of the same project, model and type are ahead. ``eta_s`` is about how long it is until the
    task starts; None when that hangs on something else than the queue: a quota, a model that is held back, what is
    ``paused``, such as ``lane:video``, that the lane called ``no_worker`` has none, or a dependency that is ``away``.
    """

    position: int
    eta_s: float | None
    paused: tuple[str, ...] = ()
    no_worker: str | None = None
    away: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a submit would find: ``refusal`` is what it would be told now, None if it would be accepted. A project
    ``at_quota`` starts nothing until one of its runs ends, or time passes. What ``follows`` another task costs nothing.
    """

    refusal: Overloaded | None
    place: Place
    is_at_quota: bool
    follows: str | None = None


class Forecast(Protocol):
    """Answers may be a second old."""

    def cost(self, lane: str, kind: str, *, prior_s: float) -> Cost:
        """The predicted cost of a task of this `kind_of`; ``prior_s`` until enough of them have run in the lane."""
        ...

    def place(self, task: Task) -> Place | None:
        """Where the task is in the queue; None when it is not ready to run."""
        ...

    def outlook(self, task: NewTask) -> Outlook:
        """What would become of ``task``, were it submitted now. An input that has a size and lies nowhere is still to
        be stored, which the project's quota has to allow.
        """
        ...
