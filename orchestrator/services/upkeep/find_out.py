"""Find out: what has failed lately is asked by the keeper itself, so that no task is spent on it."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import structlog

from orchestrator.domain.breaker import Breaker, BreakerState, DependencyOpen, label_of
from orchestrator.domain.errors import OrchestratorError
from orchestrator.ports.breakers import Breakers, passing
from orchestrator.telemetry import QueueMetrics

log = structlog.get_logger()

RESTED_TICKS = 2  # after a look at a healthy node
AT_ONCE = 4  # so that a lonely task whose call has failed is not the one to try ten times


@dataclass(slots=True)
class FindOut:
    """A duty. A probe is a cheap call that returns, or raises what is wrong.

    A dependency is in doubt while a call of it failed within the last ten to twenty seconds. It is asked a few times a
    second: that opens its breaker within seconds if it is away, and keeps it closed if it is not. When the time of an
    open one is over, it is asked once. A healthy node asks nothing of them, and looks at one tick of three.
    """

    breakers: Breakers
    probes: Mapping[str, Callable[[], None]]
    metrics: QueueMetrics
    _rests: int = field(default=0, init=False)

    def tick(self) -> None:
        if self._rests:
            self._rests -= 1
            return
        doubtful = [seen for seen in map(self.breakers.look, self.probes) if seen.is_doubtful]
        asks = [seen.dependency for seen in doubtful for _ in range(_times(seen))]
        if asks:
            with ThreadPoolExecutor(len(asks), thread_name_prefix="probe") as pool:
                list(pool.map(self._ask, asks))
        else:
            self._rests = RESTED_TICKS
        self._measure()

    def _ask(self, dependency: str) -> None:
        try:
            with passing(self.breakers, dependency):
                self.probes[dependency]()
        except DependencyOpen:
            return
        except OrchestratorError as error:
            log.warning("dependency.failed", dependency=dependency, error=str(error))

    def _measure(self) -> None:
        is_open, is_denied = self.metrics.breaker_open, self.metrics.breaker_denied
        for gauge in (is_open, is_denied):
            gauge.clear()
            for dependency in self.probes:
                gauge.labels(label_of(dependency)).set(0)
        for breaker in self.breakers.list():
            is_open.labels(label_of(breaker.dependency)).inc()
            if breaker.reason == "denied":
                is_denied.labels(label_of(breaker.dependency)).inc()


def _times(breaker: Breaker) -> int:
    """How often to ask it now. Once is enough for one that is open: others would find it closed again."""
    return AT_ONCE if breaker.state is BreakerState.CLOSED else 1
