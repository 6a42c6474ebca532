"""Say which inference servers are not asked, and why, as their owners and whoever watches them have found."""

from collections.abc import Iterable
from dataclasses import dataclass

from orchestrator.domain.errors import Category, OrchestratorError, Unavailable
from orchestrator.domain.model import Instance
from orchestrator.ports.residency import Residents

TOLD_WITHIN_MS = 30_000  # what an owner that is away has said last says nothing of now


@dataclass(frozen=True, slots=True)
class CheckInstances:
    """Two questions: for `/readyz`, which warns, and for the breaker of each server."""

    residency: Residents

    def check(self) -> None:
        """Return when every instance is well.

        Raises:
            Unavailable: it names those that are not, and why.
        """
        _require_well(self._known())

    def require(self, address: str) -> None:
        """Return when this one is well, or nobody knows.

        Raises:
            Unavailable: it is not, and why.
        """
        try:
            known = self._known()
        except OrchestratorError:  # of the store, which is no fault of theirs
            return
        _require_well([instance for instance in known if instance.address == address])

    def _known(self) -> list[Instance]:
        survey = self.residency.survey()
        return [each for each in survey.instances if survey.now_ms - each.seen_ms < TOLD_WITHIN_MS]


def _require_well(instances: Iterable[Instance]) -> None:
    ill = [f"{each.address} ({each.reason})" for each in instances if not each.is_well]
    if ill:
        message = f"not asked: {', '.join(ill)}"
        raise Unavailable(message, service="triton", category=Category.NETWORK)
