"""What the front door counts."""

from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter

from orchestrator.telemetry.labels import BoundedLabels


@dataclass(frozen=True, slots=True)
class IntakeMetrics:
    """What the front door counts."""

    registry: CollectorRegistry
    submits: Counter
    refusals: Counter
    unjournaled: Counter
    label: BoundedLabels = field(default_factory=BoundedLabels)

    def count_submit(self, project: str, task_type: str, *, answer: str) -> None:
        self.submits.labels(self.label(project), task_type, answer).inc()


def build_intake_metrics() -> IntakeMetrics:
    registry = CollectorRegistry()
    submits = Counter("orchestrator_submits", "Submits by answer.", ["project", "type", "answer"], registry=registry)
    refusals = Counter("orchestrator_refusals", "Requests that were told to come later.", ["code"], registry=registry)
    unjournaled = Counter(
        "orchestrator_journal_failures", "What the journal could not take, by what it was.", ["what"], registry=registry
    )
    return IntakeMetrics(registry, submits, refusals, unjournaled)
