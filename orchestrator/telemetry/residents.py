"""What the owners of the inference servers know: who is resident, what that takes, and what had to be moved."""

from dataclasses import dataclass
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge


@dataclass(frozen=True, slots=True)
class ResidentMetrics:
    """Of one keeper; each instance is told of by its one owner."""

    bytes: Gauge
    state: Gauge
    pins: Gauge
    memory: Gauge
    well: Gauge
    wanted_age_seconds: Gauge
    loads: Counter
    evictions: Counter
    leaks: Counter
    restarts: Counter


def build_resident_metrics(registry: CollectorRegistry) -> ResidentMetrics:
    counter, gauge = partial(Counter, registry=registry), partial(Gauge, registry=registry)
    of = ["instance", "release"]
    return ResidentMetrics(
        bytes=gauge("orchestrator_model_resident_bytes", "The largest footprint seen of a loaded release.", of),
        state=gauge("orchestrator_model_state", "1 for the state that a release is in.", [*of, "state"]),
        pins=gauge("orchestrator_model_pins", "Runs that use a release.", of),
        memory=gauge("orchestrator_triton_memory_bytes", "Memory of an instance, by what.", ["instance", "what"]),
        well=gauge("orchestrator_triton_well", "Whether an instance may be asked.", ["instance"]),
        wanted_age_seconds=gauge("orchestrator_model_wanted_age_seconds", "The longest wait for a model."),
        loads=counter("orchestrator_model_loads", "Releases that were loaded.", ["instance", "outcome"]),
        evictions=counter("orchestrator_model_evictions", "Releases that made room for others.", ["instance"]),
        leaks=counter("orchestrator_triton_leaks", "Times that memory did not come back.", ["instance"]),
        restarts=counter("orchestrator_triton_restarts", "Restarts that an owner has asked for.", ["instance"]),
    )
