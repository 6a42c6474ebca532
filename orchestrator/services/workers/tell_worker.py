"""Tell worker: is a worker of this node alive? It is while its main loop comes round, or waits for the broker alone."""

from dataclasses import dataclass

from orchestrator.domain.errors import OrchestratorError
from orchestrator.ports.clock import Clock
from orchestrator.ports.worker_signs import WorkerSigns

# Longer than a main loop may wait for one answer of a broker that has frozen, ten seconds, and then for another.
SILENT_S = 30.0


class WorkerSilent(OrchestratorError):
    """A worker is not there, or does not move."""

    code = "worker_silent"


@dataclass(frozen=True, slots=True)
class TellWorker:
    """Asks nobody but this node: what a probe says must not hang on what the worker itself can live without."""

    signs: WorkerSigns
    clock: Clock

    def check(self, pid: int | None = None) -> bool:
        """Whether all workers of the node, or the one with ``pid``, listen; not while one waits for the broker.

        Raises:
            WorkerSilent: there is none, or one has been silent for 30 s.
        """
        found = [sign for sign in self.signs.read() if pid in {None, sign.owner.pid}]
        if not found:
            raise WorkerSilent("no worker has given a sign of life")
        for sign in found:
            silent_s = self.clock.monotonic_s() - sign.shown_s
            if silent_s >= SILENT_S and not sign.connecting:
                raise WorkerSilent(f"the worker of lane {sign.lane} has been silent for {silent_s:.0f} s")
        return not any(sign.connecting for sign in found)
