"""Which lanes have workers, by the signs that those give every two seconds."""

from typing import Protocol

from orchestrator.domain.errors import OrchestratorError


class NoWorker(OrchestratorError):
    """Tasks wait, or would, for a worker that is not there."""

    code = "no_worker"


class LaneWorkers(Protocol):
    """A worker that has not signed for ten seconds is none."""

    def serve(self, lane: str) -> bool:
        """Whether ``lane`` has a worker."""
        ...

    def check(self) -> None:
        """Return when every pool that a project is pinned to has a worker, and every lane in which tasks wait.

        Raises:
            NoWorker: it names those that have none.
        """
        ...
