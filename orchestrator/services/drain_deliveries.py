"""Drain deliveries: what an io worker's child does beside its tasks. It claims and sends on threads of its own."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import structlog

from orchestrator.domain.delivery import DeliveryLost
from orchestrator.domain.errors import OrchestratorError
from orchestrator.ports.clock import Clock
from orchestrator.ports.deliveries import Outbox, Sending

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class SendSlots:
    """How many deliveries a child sends at once, and when it looks for more, keeps them for itself and lets them go."""

    count: int
    renew_s: float = 10.0
    poll_s: float = 0.25
    drain_s: float = 25.0


class InHand:
    """The deliveries that this child is sending, by their claims."""

    def __init__(self) -> None:
        self._sendings: dict[str, Sending] = {}
        self._changed = threading.Condition()

    def __len__(self) -> int:
        return len(self._sendings)

    def take(self, sending: Sending) -> None:
        with self._changed:
            self._sendings[sending.claim] = sending

    def drop(self, sending: Sending) -> None:
        with self._changed:
            self._sendings.pop(sending.claim, None)
            self._changed.notify_all()

    def all(self) -> list[Sending]:
        with self._changed:
            return list(self._sendings.values())

    def await_fewer(self, than: int, timeout_s: float) -> bool:
        """Whether so few are left before the time is over."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self._sendings) < than, timeout_s)


@dataclass(frozen=True, slots=True)
class DrainDeliveries:
    """Tasks and deliveries of a child have slots of their own, so neither waits for the other."""

    outbox: Outbox
    deliver: Callable[[Sending], None]
    clock: Clock
    new_claim: Callable[[], str]
    is_stopping: Callable[[], bool]
    slots: SendSlots

    def beside(self, work: Callable[[], object], *, is_over: Callable[[], bool] = lambda: False) -> None:
        """Send while ``work`` goes on, and let it look for more as long as there is something to send.

        ``is_over`` says that this child has done its share.
        """
        hand, ending = InHand(), threading.Event()
        thread = threading.Thread(target=self._drain, args=(hand, ending), name="deliveries")
        thread.start()
        try:
            work()
            while hand and not (self.is_stopping() or is_over()):
                work()
        finally:
            ending.set()
            thread.join()

    def _drain(self, hand: InHand, ending: threading.Event) -> None:
        pool = ThreadPoolExecutor(self.slots.count, thread_name_prefix="send")
        renewed_s = self.clock.monotonic_s()
        try:
            while not ending.is_set() and not self.is_stopping():
                sent = self._claim_more(hand, pool)
                if self.clock.monotonic_s() - renewed_s >= self.slots.renew_s:
                    self._renew(hand)
                    renewed_s = self.clock.monotonic_s()
                if not (sent or hand):
                    ending.wait(self.slots.poll_s)
                else:
                    hand.await_fewer(len(hand), self.slots.poll_s)
            self._settle(hand)
        finally:
            pool.shutdown(wait=not hand)

    def _claim_more(self, hand: InHand, pool: ThreadPoolExecutor) -> int:
        free = self.slots.count - len(hand)
        if free == 0:
            return 0
        try:
            sendings = self.outbox.claim([self.new_claim() for _ in range(free)])
        except OrchestratorError as error:
            log.warning("deliveries.unclaimed", error=str(error))
            return 0
        for sending in sendings:
            hand.take(sending)
            pool.submit(self._send, sending, hand)
        return len(sendings)

    def _send(self, sending: Sending, hand: InHand) -> None:
        try:
            self.deliver(sending)
        except Exception:  # nobody asks for the outcome of a thread; the claim lapses
            log.exception("delivery.escaped", task_id=sending.delivery.task_id)
        finally:
            hand.drop(sending)

    def _renew(self, hand: InHand) -> None:
        try:
            self.outbox.renew(hand.all())
        except OrchestratorError as error:
            log.warning("deliveries.unrenewed", error=str(error))

    def _settle(self, hand: InHand) -> None:
        """Let what is being sent come to its end, for the drain time; then it is another's."""
        until_s = self.clock.monotonic_s() + self.slots.drain_s
        if hand:
            log.info("deliveries.leaving", sending=len(hand))
        while hand and self.clock.monotonic_s() < until_s:
            self._renew(hand)
            hand.await_fewer(1, min(self.slots.renew_s, until_s - self.clock.monotonic_s()))
        for sending in hand.all():
            try:
                self.outbox.release(sending)
            except DeliveryLost:
                continue
            except OrchestratorError as error:
                log.warning("delivery.unreleased", error=str(error))
