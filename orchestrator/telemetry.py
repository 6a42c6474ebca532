"""How this service speaks of itself: structured logs with a bound context, and Prometheus metrics.

Metrics are made once per process by `build_metrics` and passed down. Under prefork their samples live in a folder
shared by the children (stack facts E.3), which `orchestrator metrics` reads.
"""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, values
from prometheus_client.multiprocess import MultiProcessCollector

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)


def configure_logging(*, level: str, as_json: bool) -> None:
    """Send every log line, ours and the libraries', to standard error; ours as events with keys."""
    chain: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    renderer = structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer()
    structlog.configure(
        processors=[*chain, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    foreign = structlog.stdlib.ProcessorFormatter(
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            renderer,
        ],
        foreign_pre_chain=[*chain, structlog.stdlib.add_logger_name],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(foreign)
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


@dataclass(frozen=True, slots=True)
class Metrics:
    """Everything a process counts. Names and units follow the Prometheus conventions."""

    registry: CollectorRegistry
    tasks_ended: Counter
    runs_active: Gauge
    run_seconds: Histogram
    stage_seconds: Histogram
    stale_writes: Counter
    triton_seconds: Histogram
    reconciled: Counter
    queue_ready: Gauge
    queue_oldest_wait_seconds: Gauge
    tasks_running: Gauge
    tasks_delayed: Gauge
    submits: Counter

    @contextmanager
    def timed_stage(self, task_type: str, stage: str) -> Iterator[None]:
        """Observe how long a stage of a run took, however it ended."""
        begun = perf_counter()
        try:
            yield
        finally:
            self.stage_seconds.labels(task_type, stage).observe(perf_counter() - begun)


def build_metrics(*, shared_dir: Path | None = None) -> Metrics:
    """Make the metrics of this process; with ``shared_dir`` their samples are files there, one set per process."""
    if shared_dir is not None:
        shared_dir.mkdir(parents=True, exist_ok=True)
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(shared_dir)
        # prometheus-client chooses where samples live when it is imported; we know the folder only now.
        values.ValueClass = values.get_value_class()
    registry = CollectorRegistry()
    return Metrics(
        registry=registry,
        tasks_ended=Counter("orchestrator_tasks", "Runs by how they ended.", ["type", "outcome"], registry=registry),
        runs_active=Gauge(
            "orchestrator_runs_active", "Runs in progress.", ["lane"], registry=registry, multiprocess_mode="livesum"
        ),
        run_seconds=Histogram(
            "orchestrator_run_seconds", "Length of a run.", ["type"], registry=registry, buckets=SECONDS
        ),
        stage_seconds=Histogram(
            "orchestrator_stage_seconds", "Length of a stage.", ["type", "stage"], registry=registry, buckets=SECONDS
        ),
        stale_writes=Counter(
            "orchestrator_stale_writes", "Writes of runs that had lost their task.", registry=registry
        ),
        triton_seconds=Histogram(
            "orchestrator_triton_seconds",
            "One request to Triton.",
            ["model", "outcome"],
            registry=registry,
            buckets=SECONDS,
        ),
        reconciled=Counter("orchestrator_reconciled", "Tasks that reconcile moved.", ["find"], registry=registry),
        queue_ready=Gauge("orchestrator_queue_ready", "Tasks ready to run.", ["lane"], registry=registry),
        queue_oldest_wait_seconds=Gauge(
            "orchestrator_queue_oldest_wait_seconds", "Wait of the oldest ready task.", ["lane"], registry=registry
        ),
        tasks_running=Gauge("orchestrator_tasks_running", "Tasks with a lease.", registry=registry),
        tasks_delayed=Gauge("orchestrator_tasks_delayed", "Tasks that wait for a retry.", registry=registry),
        submits=Counter("orchestrator_submits", "Submits by answer.", ["type", "answer"], registry=registry),
    )


def collect_shared(shared_dir: Path) -> CollectorRegistry:
    """A registry over the samples of all processes that use ``shared_dir``."""
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=str(shared_dir))
    return registry
