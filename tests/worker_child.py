"""A worker child without its process: drains on a real store of records, and its runs do what the test says."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import count

from record_store import RecordStore

from orchestrator.adapters.redis.claims import RedisClaims
from orchestrator.adapters.system_clock import SystemClock
from orchestrator.domain.task import Run
from orchestrator.pipelines.run_watch import Ending
from orchestrator.services.runs.drain import DrainLane, Slots, Work

QUICK = Slots(count=2, idle_s=0.05, poll_s=0.01, drain_s=0.2)
PATIENCE_S = 10.0


@dataclass
class Child:
    """A worker child as `wiring.worker` would build it; ``told`` is all that happened, in order."""

    store: RecordStore
    work: Callable[[Run], None]
    slots: Slots = QUICK
    claims: RedisClaims | None = None
    end_all: Callable[[Ending], None] = lambda _ending: None
    is_spent: Callable[[], bool] = lambda: False
    stuck: set[str] = field(default_factory=set)
    told: list[str] = field(default_factory=list)
    looks: int = 0

    def __post_init__(self) -> None:
        self.stopping = threading.Event()

    def drain(self, lane: str = "io") -> int:
        run_ids = count(1)
        return DrainLane(
            claims=self.claims or self.store.claims,
            pulses=self,
            clock=SystemClock(),
            take_up=self.take_up,
            end_all=self.end_all,
            new_run_id=lambda: f"drained-{next(run_ids)}",
            is_stopping=self.is_stopping,
            owner="worker-1",
            slots=self.slots,
            is_spent=self.is_spent,
            stuck=self.stuck,
        ).drain(lane)

    def ring(self, lane: str) -> None:
        self.told.append(f"rings {lane}")

    def take_up(self, runs: Sequence[Run]) -> list[Work]:
        return [partial(self.execute, run) for run in runs]

    def execute(self, run: Run) -> None:
        self.told.append(f"runs {run.task.id}")
        self.work(run)

    def is_stopping(self) -> bool:
        self.looks += 1
        return self.stopping.is_set()

    @contextmanager
    def draining(self, lane: str = "io") -> Iterator[None]:
        """Drain on another thread; when the block is left it has to come to its end."""
        thread = threading.Thread(target=self.drain, args=(lane,))
        thread.start()
        try:
            yield
        finally:
            thread.join(PATIENCE_S)
        assert not thread.is_alive()
