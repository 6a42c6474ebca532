"""Show residents: what owners know of their instances, as metrics."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from orchestrator.domain.errors import OrchestratorError
from orchestrator.domain.model import Instance, ResidentState
from orchestrator.ports.residency import Residents
from orchestrator.telemetry import ResidentMetrics

Pools = Callable[[], Mapping[tuple[str, str], int]]


@dataclass(frozen=True, slots=True)
class ShowResidents:
    """A duty. ``pools`` are Triton's own, by instance: bytes by pool and by what."""

    residency: Residents
    metrics: ResidentMetrics
    pools: Mapping[str, Pools]

    def tick(self) -> None:
        survey, metrics = self.residency.survey(), self.metrics
        for gauge in (metrics.bytes, metrics.state, metrics.pins, metrics.memory, metrics.well):
            gauge.clear()
        for instance in survey.instances:
            self._show(instance)
        oldest_ms = min(survey.wanted.values(), default=survey.now_ms)
        metrics.wanted_age_seconds.set(max(0, survey.now_ms - oldest_ms) / 1000)

    def _show(self, instance: Instance) -> None:
        metrics, address = self.metrics, instance.address
        metrics.well.labels(address).set(instance.is_well)
        metrics.memory.labels(address, "used").set(instance.used_bytes)
        metrics.memory.labels(address, "total").set(instance.total_bytes)
        if instance.budget_bytes is not None:
            metrics.memory.labels(address, "budget").set(instance.budget_bytes)
        for name, size_bytes in instance.pools.items():
            metrics.memory.labels(address, f"{name}_total").set(size_bytes)
        for (pool, what), size_bytes in self._pools(address).items():
            metrics.memory.labels(address, f"{pool}_pool_{what}").set(size_bytes)
        for resident in instance.residents:
            metrics.state.labels(address, resident.release, resident.state).set(1)
            if resident.state is not ResidentState.UNLOADED:
                metrics.bytes.labels(address, resident.release).set(resident.bytes)
                metrics.pins.labels(address, resident.release).set(resident.pins)

    def _pools(self, address: str) -> Mapping[tuple[str, str], int]:
        try:
            return self.pools[address]() if address in self.pools else {}
        except OrchestratorError:
            return {}
