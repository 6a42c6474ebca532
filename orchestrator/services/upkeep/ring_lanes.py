"""Ring: every lane with claimable work hears of it once a second, and the queues are measured on the way."""

from dataclasses import dataclass, field

from orchestrator.domain.lane import label_lane
from orchestrator.ports.pulses import PulseSender
from orchestrator.ports.upkeep import QueueLoad, Upkeep
from orchestrator.telemetry import BoundedLabels, QueueMetrics


@dataclass(frozen=True, slots=True)
class RingLanes:
    """A duty. A pulse that was lost is replaced here, at most a second later."""

    upkeep: Upkeep
    pulses: PulseSender
    metrics: QueueMetrics
    label_pool: BoundedLabels = field(default_factory=BoundedLabels)

    def tick(self) -> None:
        load = self.upkeep.load()
        self._measure(load)
        for lane in load.lanes:
            if lane.ready > lane.paused:
                self.metrics.rung.labels(label_lane(lane.lane, self.label_pool)).inc()
                self.pulses.ring(lane.lane)

    def _measure(self, load: QueueLoad) -> None:
        metrics = self.metrics
        metrics.running.set(load.running)
        metrics.delayed.set(load.delayed)
        for gauge in (
            metrics.ready,
            metrics.oldest_wait_seconds,
            metrics.predicted_seconds,
            metrics.pace,
            metrics.at_quota,
            metrics.paused,
            metrics.no_worker,
        ):
            gauge.clear()
        for lane in sorted(
            load.lanes, key=lambda lane: lane.oldest_wait_s
        ):  # lanes that share a label tell the longest
            label = label_lane(lane.lane, self.label_pool)
            metrics.ready.labels(label).inc(lane.ready)
            metrics.oldest_wait_seconds.labels(label).set(lane.oldest_wait_s)
            metrics.predicted_seconds.labels(label).inc(lane.predicted_s)
            metrics.at_quota.labels(label).inc(lane.at_quota)
            metrics.paused.labels(label).inc(lane.paused)
            metrics.no_worker.labels(label).inc(0 if lane.is_served else lane.ready)
            if lane.pace is not None:
                metrics.pace.labels(label).set(lane.pace)
