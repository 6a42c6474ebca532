"""What the watch of the inference servers has asked, and what it had to mend."""

from dataclasses import dataclass
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Histogram

SECONDS = (0.005, 0.02, 0.1, 0.5, 1, 2, 5, 10)


@dataclass(frozen=True, slots=True)
class WatchMetrics:
    """Of one keeper; each instance is watched by one at a time."""

    canaries: Counter
    canary_seconds: Histogram
    reloads: Counter
    restarts: Counter


def build_watch_metrics(registry: CollectorRegistry) -> WatchMetrics:
    counter = partial(Counter, registry=registry)
    return WatchMetrics(
        canaries=counter("orchestrator_canaries", "Canary inferences, by what came of them.", ["instance", "outcome"]),
        canary_seconds=Histogram(
            "orchestrator_canary_seconds", "How long they took.", ["instance"], buckets=SECONDS, registry=registry
        ),
        reloads=counter("orchestrator_watch_reloads", "Models whose process had died.", ["instance", "model"]),
        restarts=counter("orchestrator_watch_restarts", "Servers that hung, restarted.", ["instance"]),
    )
