"""Say which inference servers are not asked, and why, as their owners and whoever watches them have found."""

from dataclasses import dataclass

from orchestrator.domain.errors import Category, OrchestratorError, Unavailable
from orchestrator.domain.model import Instance
from orchestrator.ports.residency import Residency

TOLD_WITHIN_MS = 30_000  # what an owner that is away has said last says nothing of now


@dataclass(frozen=True, slots=True)
class CheckInstances:
    """Two questions: for `/readyz`, which warns, and for the breaker of Triton."""

    residency: Residency

    def check(self) -> None:
        """Return when every instance is well.

        Raises:
            Unavailable: it names one that is not, and why.
        """
        for instance in self._known():
            if not instance.is_well:
                raise _ill(instance)

    def require_one(self) -> None:
        """Return when one is well, or nobody knows.

        Raises:
            Unavailable: none is; why one of them is not.
        """
        try:
            known = self._known()
        except OrchestratorError:  # of the store, which is no fault of theirs
            return
        if known and not any(instance.is_well for instance in known):
            raise _ill(known[0])

    def _known(self) -> list[Instance]:
        survey = self.residency.survey()
        return [each for each in survey.instances if survey.now_ms - each.seen_ms < TOLD_WITHIN_MS]


def _ill(instance: Instance) -> Unavailable:
    message = f"the inference server {instance.address} is not asked: {instance.reason}"
    return Unavailable(message, service="triton", category=Category.NETWORK)
