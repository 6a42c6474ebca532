"""Ring: every lane with claimable work hears of it once a second, and the queues are measured on the way."""

from dataclasses import dataclass

from orchestrator.ports.pulses import PulseSender
from orchestrator.ports.upkeep import Upkeep
from orchestrator.telemetry import QueueMetrics


@dataclass(frozen=True, slots=True)
class RingLanes:
    """A duty. A pulse that was lost is replaced here, at most a second later."""

    upkeep: Upkeep
    pulses: PulseSender
    metrics: QueueMetrics

    def tick(self) -> None:
        load, metrics = self.upkeep.load(), self.metrics
        metrics.running.set(load.running)
        metrics.delayed.set(load.delayed)
        for gauge in (
            metrics.ready,
            metrics.oldest_wait_seconds,
            metrics.predicted_seconds,
            metrics.pace,
            metrics.at_quota,
            metrics.paused,
        ):
            gauge.clear()
        for lane in load.lanes:
            metrics.ready.labels(lane.lane).set(lane.ready)
            metrics.oldest_wait_seconds.labels(lane.lane).set(lane.oldest_wait_s)
            metrics.predicted_seconds.labels(lane.lane).set(lane.predicted_s)
            metrics.at_quota.labels(lane.lane).set(lane.at_quota)
            metrics.paused.labels(lane.lane).set(lane.paused)
            if lane.pace is not None:
                metrics.pace.labels(lane.lane).set(lane.pace)
            if lane.ready > lane.paused:
                metrics.rung.labels(lane.lane).inc()
                self.pulses.ring(lane.lane)
