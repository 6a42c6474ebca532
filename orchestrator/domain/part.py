"""A part: an independently claimable piece of a long task, as a run plans it. Its record is a `Task` (ADR 0052)."""

from dataclasses import dataclass

from orchestrator.domain.task import JsonObject, Task

MOST_PARTS = 1_000  # one script makes them all, and an hour of film in pieces of ten seconds is 360


@dataclass(frozen=True, slots=True)
class Slice:
    """What a part is to be of: an ``input`` of its own, of its task's kind, that costs so many GPU-seconds."""

    input: JsonObject
    predicted_s: float


def slice_of(part: Task) -> Slice:
    """As it was planned."""
    return Slice(part.input, part.predicted_s)
