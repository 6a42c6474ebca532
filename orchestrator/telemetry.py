"""How this service speaks of itself: structured logs with a bound context, and Prometheus metrics.

Metrics are made once per process and passed down; each kind of process exports only what it counts. Under prefork
the samples live in a folder shared by the children (stack facts E.3), which `orchestrator metrics` reads.
"""

import logging
import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import perf_counter

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, values
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

# An API key, or whatever somebody sent in the place of one; its id may be told. And the query of a URL: it is what
# makes a signed one work. With the letters that one may begin with said ahead, a line is searched in a quarter of the
# time: every line is.
SECRET = re.compile(
    r"(?=[obhx])(orch_key_[0-9a-z]{26}_|\bbearer\s+|\bhttps?://[^\s\"'\\?]+\?|\bX-Amz-Signature=)[^\s\"'\\]+",
    re.IGNORECASE,
)
# What these say below `info` is every request, header by header, and how its signature was made.
TALKATIVE = ("boto3", "botocore", "httpcore", "urllib3")
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)


def configure_logging(*, level: str, as_json: bool) -> None:
    """Send every log line, ours and the libraries', to standard error; ours as events with keys."""
    chain: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    render = structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer()

    def renderer(_logger: object, _name: str, event: structlog.typing.EventDict) -> str:
        return redact(str(render(_logger, _name, event)))

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
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(max(logging.INFO, logging.getLogger().level))


def redact(text: str) -> str:
    """``text`` without the secret part of any API key or signed URL in it."""
    return SECRET.sub(r"\1***", text)


def name_bound_run() -> str:
    """The run that this thread works for, as <task id>/<epoch>, for the logs of others; empty outside of a run."""
    bound = structlog.contextvars.get_contextvars()
    return f"{bound['task_id']}/{bound['epoch']}" if "epoch" in bound else ""


class BoundedLabels:
    """Names of projects or pools as labels: the first ``most`` have series of their own, the others share `other`."""

    def __init__(self, most: int = 100) -> None:
        self._most = most
        self._named: set[str] = set()

    def __call__(self, name: str) -> str:
        if name not in self._named and len(self._named) < self._most:
            self._named.add(name)
        return name if name in self._named else "other"


@dataclass(frozen=True, slots=True)
class IntakeMetrics:
    """What the front door counts."""

    registry: CollectorRegistry
    submits: Counter
    refusals: Counter
    label: BoundedLabels = field(default_factory=BoundedLabels)

    def count_submit(self, project: str, task_type: str, *, answer: str) -> None:
        self.submits.labels(self.label(project), task_type, answer).inc()


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


@dataclass(frozen=True, slots=True)
class QueueMetrics:
    """What the keeper reads from the store, and what it mended there."""

    registry: CollectorRegistry
    reconciled: Counter
    audited: Counter
    audit_rounds: Counter
    mended: Counter
    swept: Counter
    rung: Counter
    ready: Gauge
    oldest_wait_seconds: Gauge
    predicted_seconds: Gauge
    pace: Gauge
    at_quota: Gauge
    paused: Gauge
    no_worker: Gauge
    running: Gauge
    delayed: Gauge


def build_intake_metrics() -> IntakeMetrics:
    registry = CollectorRegistry()
    submits = Counter("orchestrator_submits", "Submits by answer.", ["project", "type", "answer"], registry=registry)
    refusals = Counter("orchestrator_refusals", "Requests that were told to come later.", ["code"], registry=registry)
    return IntakeMetrics(registry, submits, refusals)


@dataclass(frozen=True, slots=True)
class SharedSamples:
    """A folder of samples, and the name under which one process keeps its own there.

    The name is that of a worker's slot and not a pid: a replaced child goes on with the counters of its predecessor,
    so the folder never grows, and what a killed one said of *now* is forgotten.
    """

    folder: Path
    name: str

    def open(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        mark_process_dead(self.name, str(self.folder))
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(self.folder)
        # prometheus-client chooses where samples live when it is imported; we know the folder only now.
        values.ValueClass = values.MultiProcessValue(lambda: self.name)


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
    )


def build_queue_metrics() -> QueueMetrics:
    registry = CollectorRegistry()
    counter, gauge = partial(Counter, registry=registry), partial(Gauge, registry=registry)
    return QueueMetrics(
        registry=registry,
        reconciled=_build_reconciled(registry),
        audited=counter("orchestrator_audited", "Keys and index entries that audit looked at."),
        audit_rounds=counter("orchestrator_audit_rounds", "Times that audit has looked at everything."),
        mended=counter(
            "orchestrator_audit_mended", "What audit found and mended; each is a fault.", ["fault", "index"]
        ),
        swept=counter("orchestrator_swept", "What was past its retention.", ["what", "outcome"]),
        rung=counter("orchestrator_rings", "Times that the keeper found work in a lane and rang it.", ["lane"]),
        ready=gauge("orchestrator_queue_ready", "Tasks ready to run.", ["lane"]),
        oldest_wait_seconds=gauge("orchestrator_queue_oldest_wait_seconds", "Wait of the oldest ready task.", ["lane"]),
        predicted_seconds=gauge("orchestrator_queue_predicted_seconds", "Work that is ready, as predicted.", ["lane"]),
        pace=gauge("orchestrator_queue_pace", "Predicted seconds of work that a busy second gets done.", ["lane"]),
        at_quota=gauge("orchestrator_queue_projects_at_quota", "Projects that wait for their own runs.", ["lane"]),
        paused=gauge("orchestrator_queue_paused", "Ready tasks of what is paused.", ["lane"]),
        no_worker=gauge("orchestrator_queue_no_worker", "Ready tasks of lanes that no worker serves.", ["lane"]),
        running=gauge("orchestrator_tasks_running", "Tasks with a lease."),
        delayed=gauge("orchestrator_tasks_delayed", "Tasks that wait for a retry."),
    )


def build_reap_counter(shared: SharedSamples | None) -> Counter:
    """What a worker's parent counts: the same series as the keeper's, of runs whose process it found dead."""
    if shared is not None:
        shared.open()
    return _build_reconciled(CollectorRegistry())


def _build_reconciled(registry: CollectorRegistry) -> Counter:
    return Counter("orchestrator_reconciled", "Tasks that were found and moved.", ["find"], registry=registry)


def count_finds(reconciled: Counter, mended: Mapping[str, int]) -> dict[str, int]:
    """Count each find; what there was of them, for the log."""
    found = {find: count for find, count in mended.items() if count}
    for find, count in found.items():
        reconciled.labels(find).inc(count)
    return found


def collect_shared(shared_dir: Path) -> CollectorRegistry:
    """A registry over the samples of all processes that use ``shared_dir``."""
    shared_dir.mkdir(parents=True, exist_ok=True)  # no worker may have come yet
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=str(shared_dir))
    return registry
