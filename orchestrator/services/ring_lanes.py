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
        load = self.upkeep.load()
        self.metrics.running.set(load.running)
        self.metrics.delayed.set(load.delayed)
        self.metrics.ready.clear()
        self.metrics.oldest_wait_seconds.clear()
        for lane in load.lanes:
            self.metrics.ready.labels(lane.lane).set(lane.ready)
            self.metrics.oldest_wait_seconds.labels(lane.lane).set(lane.oldest_wait_s)
            if lane.ready:
                self.metrics.rung.labels(lane.lane).inc()
                self.pulses.ring(lane.lane)
