"""Observe: what is loaded on an inference server and how much memory that takes, noted for all who must know."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import structlog

from orchestrator.domain.errors import OrchestratorError
from orchestrator.domain.footprints import RESIDENT
from orchestrator.domain.model import Instance, Resident, ResidentState
from orchestrator.domain.residents import READY, Seen, observe
from orchestrator.ports.inference import ModelControl
from orchestrator.ports.residency import Residency
from orchestrator.ports.warden import Memory, MemoryGauge

log = structlog.get_logger()

OF_A_GPU = 0.9
GRAIN_BYTES = 1 << 20  # less is no growth that anybody need be told of


@dataclass(frozen=True, slots=True)
class ObserveInstance:
    """Only the owner calls it, and not while it loads or unloads. ``keep`` is what is never evicted from the start."""

    control: ModelControl
    gauge: MemoryGauge
    residency: Residency
    budget_bytes: int | None
    keep: tuple[str, ...] = ()

    def is_live(self) -> bool:
        return self.control.is_live()

    def look(self, known: Instance, *, at_ms: int) -> tuple[Instance, Mapping[str, Seen], Memory]:
        """The instance as it is, what Triton's index shows, and what the gauge reads: as ever, when nobody can tell.

        Raises:
            Unavailable: the server or the store is away.
        """
        seen, read = self._index(), self._measure()
        memory = read or Memory(known.used_bytes, known.total_bytes, 0, pools=known.pools)
        residents = observe(known.residents, seen, keep=self.keep, at_ms=at_ms)
        residents = tuple(self._measured(resident, memory) for resident in residents)
        for resident in set(residents) - set(known.residents):
            self.residency.note(known.address, resident)
        for release in {each.release for each in known.residents} - {each.release for each in residents}:
            self.residency.forget(known.address, release)
        of_gpu = int(OF_A_GPU * memory.total_bytes) if memory.is_gpu else None
        budget = of_gpu if read else known.budget_bytes
        now = replace(
            known,
            residents=residents,
            used_bytes=memory.used_bytes,
            total_bytes=memory.total_bytes,
            budget_bytes=self.budget_bytes or budget,
            pools=memory.pools,
        )
        return now, seen, memory

    def _measured(self, resident: Resident, memory: Memory) -> Resident:
        """What was loaded before us, or has grown since, is learned as well. The largest is kept."""
        held = memory.models.get(resident.release, 0)
        if resident.state is not ResidentState.READY or held < resident.bytes + GRAIN_BYTES:
            return resident
        self.residency.learn(resident.release, RESIDENT, size_bytes=held)
        return replace(resident, bytes=held)

    def _measure(self) -> Memory | None:
        try:
            return self.gauge.read()
        except OrchestratorError as error:
            log.debug("memory.unknown", error=str(error))
            return None

    def _index(self) -> Mapping[str, Seen]:
        """Triton asks the highest version that serves."""
        rows = sorted(self.control.index(), key=lambda row: (row.state == READY, row.version.zfill(9)))
        return {row.name: Seen(row.state, row.version) for row in rows}
