"""Estimate: what a submit would be told now, what the task would cost, how long it would wait. Nothing is recorded."""

from dataclasses import dataclass

from orchestrator.domain.cost import Cost
from orchestrator.domain.errors import Overloaded, RequestError
from orchestrator.pipelines.submission import DraftTask, SubmitRequest
from orchestrator.ports.forecast import Forecast, Place


@dataclass(frozen=True, slots=True)
class Estimate:
    """``refusal`` is None when the task would be accepted. A task that does not fit has neither cost nor place."""

    refusal: RequestError | Overloaded | None
    cost: Cost | None = None
    place: Place | None = None
    is_at_quota: bool = False
    follows: str | None = None


@dataclass(frozen=True, slots=True)
class EstimateTask:
    """Asks what a submit asks, of the same parts; its drafts only look at inputs."""

    drafts: DraftTask
    forecast: Forecast

    def estimate(self, request: SubmitRequest) -> Estimate:
        """Would it fit, be accepted, wait, and what would it cost?

        Raises:
            Unavailable: the storage, or the store of records, cannot be asked.
        """
        try:
            task, cost = self.drafts.draft_with_cost(request)
        except RequestError as error:
            return Estimate(error)
        outlook = self.forecast.outlook(task)
        return Estimate(outlook.refusal, cost, outlook.place, outlook.is_at_quota, outlook.follows)
