"""What a worker counts."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from orchestrator.telemetry.labels import BoundedLabels
from orchestrator.telemetry.samples import SharedSamples

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)


@dataclass(frozen=True, slots=True)
class RunMetrics:
    """What a worker counts."""

    registry: CollectorRegistry
    tasks_ended: Counter
    active: Gauge
    run_seconds: Histogram
    stage_seconds: Histogram
    stale_writes: Counter
    triton_seconds: Histogram
    dependency_waits: Counter
    label: BoundedLabels = field(default_factory=BoundedLabels)

    def count_end(self, project: str, task_type: str, *, outcome: str) -> None:
        self.tasks_ended.labels(self.label(project), task_type, outcome).inc()

    @contextmanager
    def timed_stage(self, task_type: str, stage: str) -> Iterator[None]:
        """Observe how long a stage of a run took, however it ended."""
        begun = perf_counter()
        try:
            yield
        finally:
            self.stage_seconds.labels(task_type, stage).observe(perf_counter() - begun)


def build_run_metrics(shared: SharedSamples | None = None) -> RunMetrics:
    """With ``shared`` the samples are files, for `collect_shared`."""
    if shared is not None:
        shared.open()
    registry = CollectorRegistry()
    counter = partial(Counter, registry=registry)
    histogram = partial(Histogram, registry=registry, buckets=SECONDS)
    gauge = partial(Gauge, registry=registry, multiprocess_mode="livesum")
    return RunMetrics(
        registry=registry,
        tasks_ended=counter("orchestrator_tasks", "Runs by how they ended.", ["project", "type", "outcome"]),
        active=gauge("orchestrator_runs_active", "Runs in progress.", ["lane"]),
        run_seconds=histogram("orchestrator_run_seconds", "Length of a run.", ["type"]),
        stage_seconds=histogram("orchestrator_stage_seconds", "Length of a stage.", ["type", "stage"]),
        stale_writes=counter("orchestrator_stale_writes", "Writes of runs that had lost their task."),
        triton_seconds=histogram("orchestrator_triton_seconds", "One request to Triton.", ["model", "outcome"]),
        dependency_waits=counter(
            "orchestrator_dependency_waits", "Runs put off because a dependency is away.", ["dependency"]
        ),
    )
