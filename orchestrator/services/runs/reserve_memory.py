"""Reserve memory: a run infers when what its input takes fits on its instance, and waits inside the run until then."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog

from orchestrator.domain.errors import OrchestratorError, Overloaded, Unavailable
from orchestrator.domain.model import Instance
from orchestrator.pipelines.run_watch import RunWatch
from orchestrator.ports.clock import Clock
from orchestrator.ports.reservations import Reservations

log = structlog.get_logger()

WAITS_S = 30.0
LOOKS_EVERY_S = 0.5


@dataclass(slots=True)
class ReserveMemory:
    """A run on an instance without a budget, or on none in particular, pays nothing; ``instances`` is asked which have
    one, at most once in ``trust_s``.
    """

    reservations: Reservations
    instances: Callable[[], tuple[Instance, ...]]
    clock: Clock
    trust_s: float = 5.0
    _seen_s: float = field(default=float("-inf"), init=False)
    _has_budget: Mapping[str, bool] = field(default_factory=dict, init=False)

    @contextmanager
    def hold(self, watch: RunWatch, size: str) -> Iterator[None]:
        """What is done in the block has the memory that an input of this ``size`` was seen to take.

        Raises:
            Overloaded: there was no room within half a minute.
            RunCanceled: the run must end.
        """
        placement = watch.run.placement
        if placement is None or not self._is_limited(placement.instance):
            yield
            return
        self._await_room(watch, size)
        began_s = self.clock.monotonic_s()
        yield
        try:
            self.reservations.learn(watch.run, size, took_s=self.clock.monotonic_s() - began_s)
        except OrchestratorError as error:
            log.warning("peak.unlearned", error=str(error))

    def _await_room(self, watch: RunWatch, size: str) -> None:
        until_s = self.clock.monotonic_s() + WAITS_S
        while not self._is_admitted(watch, size, is_last=self.clock.monotonic_s() >= until_s):
            if self.clock.monotonic_s() >= until_s:
                raise Overloaded("the inference server has no memory to spare")
            watch.pause(LOOKS_EVERY_S, self.clock)

    def _is_admitted(self, watch: RunWatch, size: str, *, is_last: bool) -> bool:
        """A store that is away stops no run: it works on until it is told that it is lost."""
        try:
            return self.reservations.reserve(watch.run, size, is_last=is_last)
        except Unavailable as error:
            log.warning("memory.unreserved", error=str(error))
            return True

    def _is_limited(self, instance: str) -> bool:
        now_s = self.clock.monotonic_s()
        if now_s - self._seen_s >= self.trust_s:
            self._seen_s = now_s
            try:
                self._has_budget = {each.address: each.budget_bytes is not None for each in self.instances()}
            except OrchestratorError as error:
                log.warning("budgets.unknown", error=str(error))
        return self._has_budget.get(instance, False)
