"""Deliveries on a real store, with the service that sends them and a sender that writes down what it is told."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count

from delivery_room import DeliveryRoom, Told
from fakes_breakers import FakeBreakers
from prometheus_client import CollectorRegistry

from orchestrator.adapters.system_clock import SystemClock
from orchestrator.domain.errors import Category, Unavailable
from orchestrator.services.deliveries.deliver import Deliver
from orchestrator.services.deliveries.drain_deliveries import DrainDeliveries, SendSlots
from orchestrator.telemetry import build_send_metrics

PATIENCE_S = 20.0
SILENT = Unavailable("there was no answer", service="webhook", category=Category.NETWORK, code="no_answer")
QUICK = SendSlots(8, renew_s=0.05, poll_s=0.01, drain_s=0.2)
ALL = ["queued", "running", "succeeded"]


@dataclass
class SendingRoom(DeliveryRoom):
    """The same, with the service and one sender of webhooks."""

    told: Told = field(default_factory=Told)
    slots: SendSlots = QUICK

    def __post_init__(self) -> None:
        super().__post_init__()
        self.stopping = threading.Event()

    @property
    def service(self) -> Deliver:
        clock, metrics = SystemClock(), build_send_metrics(CollectorRegistry())
        senders, breakers = {"webhook": self.told}, FakeBreakers(clock)
        return Deliver(self.log, senders, breakers, clock, metrics, must_leave=self.stopping.is_set)

    def deliver_one(self) -> None:
        taken = self.service.deliver(self.claim_one())
        if taken:
            assert self.log.conclude([taken]) == ()

    @contextmanager
    def draining(self) -> Iterator[None]:
        """A child that sends until the block is left."""
        claims, let_go = count(), threading.Event()
        drain = DrainDeliveries(
            outbox=self.log,
            deliver=self.service.deliver,
            clock=SystemClock(),
            new_claim=lambda: f"drained-{next(claims)}",
            is_stopping=self.stopping.is_set,
            slots=self.slots,
        )
        thread = threading.Thread(target=drain.beside, args=(lambda: let_go.wait(PATIENCE_S),))
        thread.start()
        try:
            yield
        finally:
            let_go.set()
            thread.join(PATIENCE_S)
        assert not thread.is_alive()
