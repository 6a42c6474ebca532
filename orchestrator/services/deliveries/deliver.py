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
from orchestrator.ports.deliveries import Outbox, Sending, Taken
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

    def deliver(self, sending: Sending) -> Taken | None:
        """Returns what is still to be concluded, for all that end together; None when the outbox has heard already.

        Raises nothing: what a store that is away has not heard is told again once the claim has lapsed.
        """
        delivery = sending.delivery
        with structlog.contextvars.bound_contextvars(task_id=delivery.task_id, destination=delivery.destination):
            try:
                return self._tell_all(sending)
            except DeliveryLost:
                log.info("delivery.lost")
            except OrchestratorError as error:
                log.warning("delivery.unheard", error=str(error))
        return None

    def _tell_all(self, sending: Sending) -> Taken | None:
        sender, delivery = self.senders[sending.delivery.kind], sending.delivery
        events = sending.events[-1:] if sender.wants_only_latest else sending.events
        said = ""  # and stays so where the task's stream, which is bounded, has lost them all
        for number, event in enumerate(events, start=1):
            try:
                with passing(self.breakers, delivery.channel):
                    said = sender.send(delivery, sending.task, event=event) or "ok"
            except OrchestratorError as error:
                self._fail(sending, error, tries=delivery.tries)
                return None
            except Exception:
                log.exception("delivery.bug")
                self._fail(sending, _bug(), tries=delivery.tries)
                return None
            self.metrics.sent.labels(delivery.kind, "ok").inc()
            if number < len(events):
                delivery = replace(delivery, cursor=Cursor(event.generation, event.seq), tries=0)
                self.outbox.advance(sending, delivery.cursor, said=said)
                if self.must_leave():
                    self.outbox.release(sending)
                    return None
        return Taken(sending, said)

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
