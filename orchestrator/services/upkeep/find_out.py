"""Find out: what has failed lately is asked by the keeper itself, so that no task is spent on it."""

from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import structlog

from orchestrator.domain.breaker import LABELS, Breaker, BreakerState, DependencyOpen, label_of
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
        """Counted first and then set: whoever scrapes meanwhile must not read that nothing is away."""
        away = self.breakers.list()
        is_open = Counter(label_of(breaker.dependency) for breaker in away)
        is_denied = Counter(label_of(breaker.dependency) for breaker in away if breaker.reason == "denied")
        for label in LABELS:
            self.metrics.breaker_open.labels(label).set(is_open[label])
            self.metrics.breaker_denied.labels(label).set(is_denied[label])


def _times(breaker: Breaker) -> int:
    """How often to ask it now. Once is enough for one that is open: others would find it closed again."""
    return AT_ONCE if breaker.state is BreakerState.CLOSED else 1
