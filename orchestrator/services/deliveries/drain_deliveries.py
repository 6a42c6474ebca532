"""Drain deliveries: what an io worker's child does beside its tasks.

One thread talks to the store: it claims, and concludes what was taken, many at once. The others talk to destinations.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import structlog

from orchestrator.domain.delivery import DeliveryLost
from orchestrator.domain.errors import OrchestratorError
from orchestrator.ports.clock import Clock
from orchestrator.ports.deliveries import Outbox, Sending, Taken

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class SendSlots:
    """How many deliveries a child sends at once, and when it looks for more, keeps them for itself and lets them go.

    What rings is a task more often than a delivery, and somebody may wait for it: for ``behind_s`` that goes first. One
    claim takes ``share`` at most: a child that took all there is would send it alone, on one core, beside idle ones.
    """

    count: int
    share: int = 16
    behind_s: float = 0.05
    renew_s: float = 10.0
    poll_s: float = 0.25
    gather_s: float = 0.01
    drain_s: float = 25.0


class InHand:
    """The claims of this child: deliveries that are being sent, and those that were taken and are not concluded yet."""

    def __init__(self) -> None:
        self._sendings: dict[str, Sending] = {}
        self._taken: list[Taken] = []
        self._has_news = False
        lock = threading.Lock()
        self._ended, self._all_ended = threading.Condition(lock), threading.Condition(lock)

    def __len__(self) -> int:
        return len(self._sendings)

    def take(self, sending: Sending) -> None:
        with self._ended:
            self._sendings[sending.claim] = sending

    def end(self, sending: Sending, taken: Taken | None) -> None:
        """It is not being sent any more. What was ``taken`` stays in hand until it is dropped."""
        with self._ended:
            if taken is None:
                del self._sendings[sending.claim]
            else:
                self._taken.append(taken)
            self._has_news = True
            self._ended.notify()
            if self._have_all_ended():
                self._all_ended.notify()

    def collect(self) -> list[Taken]:
        """What was taken since the last call."""
        with self._ended:
            taken, self._taken, self._has_news = self._taken, [], False
            return taken

    def drop(self, taken: Sequence[Taken]) -> None:
        with self._ended:
            for each in taken:
                del self._sendings[each.sending.claim]

    def all(self) -> list[Sending]:
        with self._ended:
            return list(self._sendings.values())

    def await_ends(self, timeout_s: float, *, gather_s: float) -> None:
        """Until one has ended that was not collected yet, and then a little for those that end with it."""
        with self._ended:
            if self._ended.wait_for(lambda: self._has_news, timeout_s):
                self._all_ended.wait_for(self._have_all_ended, gather_s)

    def _have_all_ended(self) -> bool:
        return len(self._taken) == len(self._sendings)


@dataclass(frozen=True, slots=True)
class DrainDeliveries:
    """Tasks and deliveries of a child have slots of their own, so neither waits for the other."""

    outbox: Outbox
    deliver: Callable[[Sending], Taken | None]
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
        ending.wait(self.slots.behind_s)
        pool = ThreadPoolExecutor(self.slots.count, thread_name_prefix="send")
        renewed_s = self.clock.monotonic_s()
        try:
            while not ending.is_set() and not self.is_stopping():
                self._conclude(hand)
                sent = self._claim_more(hand, pool)
                if self.clock.monotonic_s() - renewed_s >= self.slots.renew_s:
                    self._renew(hand)
                    renewed_s = self.clock.monotonic_s()
                if not (sent or hand):
                    ending.wait(self.slots.poll_s)
                else:
                    hand.await_ends(self.slots.poll_s, gather_s=self.slots.gather_s)
            self._settle(hand)
        finally:
            pool.shutdown(wait=not hand)

    def _claim_more(self, hand: InHand, pool: ThreadPoolExecutor) -> int:
        free = min(self.slots.count - len(hand), self.slots.share)
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
        taken = None
        try:
            taken = self.deliver(sending)
        except Exception:  # nobody asks for the outcome of a thread; the claim lapses
            log.exception("delivery.escaped", task_id=sending.delivery.task_id)
        finally:
            hand.end(sending, taken)

    def _conclude(self, hand: InHand) -> None:
        """What the store does not hear is told again once the claims have lapsed."""
        taken = hand.collect()
        if not taken:
            return
        try:
            for lost in self.outbox.conclude(taken):
                log.info("delivery.lost", task_id=lost.delivery.task_id, destination=lost.delivery.destination)
        except OrchestratorError as error:
            log.warning("deliveries.unheard", taken=len(taken), error=str(error))
        finally:
            hand.drop(taken)

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
            left_s = until_s - self.clock.monotonic_s()
            hand.await_ends(min(self.slots.renew_s, left_s), gather_s=self.slots.gather_s)
            self._conclude(hand)
        for sending in hand.all():
            try:
                self.outbox.release(sending)
            except DeliveryLost:
                continue
            except OrchestratorError as error:
                log.warning("delivery.unreleased", error=str(error))
