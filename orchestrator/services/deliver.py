"""Deliver: tell a destination what it has not been told of a task, line by line. Step 12 of `docs/architecture.md`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import structlog

from orchestrator.domain.delivery import Cursor, DeliveryLost
from orchestrator.domain.errors import Category, OrchestratorError, Unavailable
from orchestrator.domain.retry import GiveUp
from orchestrator.domain.sending import decide_sending
from orchestrator.ports.breakers import Breakers, passing
from orchestrator.ports.clock import Clock
from orchestrator.ports.deliveries import Outbox, Sending
from orchestrator.ports.destinations import Sender
from orchestrator.telemetry import SendMetrics

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Deliver:
    """The cursor is committed after each event, so that whoever comes after a sender that died tells one of them twice.

    ``must_leave`` says that this process is to end: what is being sent is, and the rest is another's.
    """

    outbox: Outbox
    senders: Mapping[str, Sender]
    breakers: Breakers
    clock: Clock
    metrics: SendMetrics
    must_leave: Callable[[], bool] = lambda: False

    def deliver(self, sending: Sending) -> None:
        """Raises nothing: what a store that is away has not heard is told again once the claim has lapsed."""
        delivery = sending.delivery
        with structlog.contextvars.bound_contextvars(task_id=delivery.task_id, destination=delivery.destination):
            try:
                self._tell_all(sending)
            except DeliveryLost:
                log.info("delivery.lost")
            except OrchestratorError as error:
                log.warning("delivery.unheard", error=str(error))

    def _tell_all(self, sending: Sending) -> None:
        sender, delivery = self.senders[sending.delivery.kind], sending.delivery
        events = sending.events[-1:] if sender.wants_only_latest else sending.events
        if not events:  # the task's stream is bounded, and has lost them
            self.outbox.advance(sending, sending.until, said="", is_last=True)
        for number, event in enumerate(events, start=1):
            is_last = number == len(events)
            cursor = sending.until if is_last else Cursor(event.generation, event.seq)
            try:
                with passing(self.breakers, delivery.channel):
                    said = sender.send(delivery, sending.task, event=event)
            except OrchestratorError as error:
                return self._fail(sending, error, tries=delivery.tries)
            except Exception:
                log.exception("delivery.bug")
                return self._fail(sending, _bug(), tries=delivery.tries)
            self.outbox.advance(sending, cursor, said=said or "ok", is_last=is_last)
            self.metrics.sent.labels(delivery.kind, "ok").inc()
            delivery = replace(delivery, cursor=cursor, tries=0)
            if not is_last and self.must_leave():
                return self.outbox.release(sending)
        return None

    def _fail(self, sending: Sending, error: OrchestratorError, *, tries: int) -> None:
        kind, cause = sending.delivery.kind, repr(error.__cause__)
        decision = decide_sending(kind, error, failures_before=tries, jitter=self.clock.jitter())
        log.warning("delivery.failed", code=error.code, error=str(error), cause=cause, tries=tries + 1)
        if isinstance(decision, GiveUp):
            self.metrics.sent.labels(kind, "given_up").inc()
            self.outbox.give_up(sending, code=error.code, message=str(error))
        elif not decision.counts:
            self.metrics.sent.labels(kind, "held").inc()
            self.outbox.hold_back(sending, after_s=decision.after_s)
        else:
            self.metrics.sent.labels(kind, "failed").inc()
            self.outbox.put_off(sending, after_s=decision.after_s, code=error.code, message=str(error))


def _bug() -> Unavailable:
    return Unavailable("the delivery met a bug of this service", service="deliveries", category=Category.INTERNAL)
