"""What a Triton server counts of each release that it serves, since it began."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Protocol, Self


@dataclass(frozen=True, slots=True)
class Figures:
    """Totals since the server's start, but ``pending``: what waits or runs now. Seconds are sums over requests.

    ``executions`` are runs of the model, each of a batch: ``inferences`` by ``executions`` is the mean batch.
    """

    succeeded: float = 0
    failed: float = 0
    rejected: float = 0
    inferences: float = 0
    executions: float = 0
    pending: float = 0
    request_s: float = 0
    queue_s: float = 0
    infer_s: float = 0

    def since(self, before: Self) -> Self:
        """What came after ``before``; all there is if the server began anew meanwhile."""
        totals = [field.name for field in fields(self) if field.name != "pending"]
        grown = {name: getattr(self, name) - getattr(before, name) for name in totals}
        return self if min(grown.values()) < 0 else replace(self, **grown)


class ModelFigures(Protocol):
    """Of one server."""

    def read(self) -> Mapping[str, Figures]:
        """By release; those that the server never served since its start are not there.

        Raises:
            Unavailable: the server does not answer.
        """
        ...
