"""Breakers of one process over a real store, with the hands of both clocks in the test's own."""

from dataclasses import dataclass, field

from record_store import RecordStore
from run_room import HandClock

from orchestrator.adapters.redis.breakers import RedisBreakers
from orchestrator.domain.breaker import DependencyOpen, Outcome, Permit
from orchestrator.pipelines.registry import NEEDED_BY


@dataclass
class Node:
    """A store of records, and the breakers of one process on it."""

    store: RecordStore
    clock: HandClock = field(default_factory=HandClock)

    def __post_init__(self) -> None:
        self.breakers = RedisBreakers(self.store.scripts, self.clock, types=NEEDED_BY)

    def open(self, dependency: str) -> None:
        self.breakers.report(Permit(dependency), Outcome.DENIED)

    def close(self, dependency: str) -> None:
        while not (permit := self._ask(dependency)) or not permit.token:
            self.store.tick(1)
            self.clock.now_s += 1
        self.breakers.report(permit, Outcome.WELL)

    def _ask(self, dependency: str) -> Permit | None:
        try:
            return self.breakers.allow(dependency)
        except DependencyOpen:
            return None
