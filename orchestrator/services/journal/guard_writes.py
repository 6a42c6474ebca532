"""Guard writes: a store that has lost its records takes nothing new until they are there again (ADR 0041)."""

import threading
from dataclasses import dataclass

import structlog

from orchestrator.domain.overload import ReadOnly
from orchestrator.ports.clock import Clock
from orchestrator.ports.journal import Journal
from orchestrator.ports.rebuilding import Rebuilding, StoreState

log = structlog.get_logger()

FRESH_S = 1.0


@dataclass(frozen=True, slots=True)
class _Seen:
    state: StoreState
    at_s: float


class GuardWrites:
    """Remembers for a second how the store stands. A new one is opened, if the journal knows of nothing either."""

    def __init__(self, records: Rebuilding, journal: Journal, clock: Clock) -> None:
        self._records = records
        self._journal = journal
        self._clock = clock
        self._seen: _Seen | None = None
        self._lock = threading.Lock()

    @property
    def is_fresh(self) -> bool:
        """Whether the store need not be asked. Never waits."""
        seen = self._seen
        return seen is not None and self._clock.monotonic_s() - seen.at_s < FRESH_S

    @property
    def is_closed(self) -> bool:
        """Whether the store was not open when it was last asked: then what it does not know may be there yet."""
        return self._seen is not None and self._seen.state is not StoreState.OPEN

    def ask(self) -> None:
        """Ask the store.

        Raises:
            Unavailable, Overloaded: it cannot be asked, or the journal cannot.
        """
        with self._lock:
            if self.is_fresh:
                return
            state = self._records.state()
            if state is StoreState.NEW and self._journal.is_empty():
                self._records.open_new()
                state = self._records.state()
            if state is StoreState.NEW:
                log.error("store.lost", mend="orchestrator rebuild")
            self._seen = _Seen(state, self._clock.monotonic_s())

    def require_open(self) -> None:
        """Return when the store takes writes.

        Raises:
            ReadOnly: it does not.
        """
        if not self.is_fresh:
            self.ask()
        if self.is_closed:
            raise ReadOnly
