"""Wake deliveries: whose time has come, and whose sender is gone, is sent by the next that asks."""

from dataclasses import dataclass

import structlog

from orchestrator.domain.delivery import SENDING_LANE
from orchestrator.ports.deliveries import DeliveryUpkeep
from orchestrator.ports.pulses import PulseSender
from orchestrator.telemetry import OutboxMetrics

log = structlog.get_logger()

WOKEN_A_TICK = 500


@dataclass(frozen=True, slots=True)
class WakeDeliveries:
    """A duty. It rings the lane whose children send, as long as there is something to claim."""

    deliveries: DeliveryUpkeep
    pulses: PulseSender
    metrics: OutboxMetrics

    def tick(self) -> None:
        woken = self.deliveries.wake(limit=WOKEN_A_TICK)
        if woken.claimable:
            self.pulses.ring(SENDING_LANE)
        for find, count in (("lapsed", woken.lapsed), ("due", woken.due)):
            self.metrics.woken.labels(find).inc(count)
        if woken.lapsed:
            log.info("deliveries.lapsed", count=woken.lapsed)
        for untold in woken.untold:
            self.metrics.pending.labels(untold.kind).set(untold.pending)
            self.metrics.oldest_seconds.labels(untold.kind).set(untold.oldest_s)
