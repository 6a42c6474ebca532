"""What the service says of a task before it is submitted."""

from dataclasses import dataclass

from orchestrator.client.api_error import ApiError, parse_error
from orchestrator.client.results import Json, Queue, parse_queue


@dataclass(frozen=True, slots=True)
class Estimate:
    """``refusal`` is what a submit would raise now, None if it would be accepted. ``predicted_s`` is learned from so
    many ``runs``; from none, it is what the task type says of itself. Both are None for what does not fit its type.
    """

    refusal: ApiError | None
    predicted_s: float | None
    runs: int | None
    queue: Queue | None
    at_quota: bool
    follows: str | None
    raw: Json

    @property
    def is_accepted(self) -> bool:
        return self.refusal is None


def parse_estimate(body: Json) -> Estimate:
    refusal, cost = body["refusal"], body["cost"] or {}
    return Estimate(
        refusal=parse_error(refusal, status=refusal["status"], request_id=None) if refusal else None,
        predicted_s=cost.get("predicted_s"),
        runs=cost.get("runs"),
        queue=parse_queue(body["queue"]),
        at_quota=body["at_quota"],
        follows=body.get("follows"),
        raw=body,
    )
