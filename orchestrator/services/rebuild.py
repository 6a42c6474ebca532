"""Rebuild: after a total loss of the store of records, make again what the journal tells of (ADR 0041)."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar

from orchestrator.domain.journal import Broken, Recorded, Restoration
from orchestrator.ports.journal import Journal
from orchestrator.ports.rebuilding import Rebuilding

AT_ONCE = 16
A_STEP = 100  # tasks a script, so that nobody waits long for the store
KNOWN = "known"

T = TypeVar("T")


@dataclass(slots=True)
class Rebuilt:
    """What has become so far of everything that the journal tells of.

    ``tasks`` counts by status, `deleted` (only the sweep still knows of them) or `known` (they were there).
    """

    projects: int = 0
    tasks: Counter[str] = field(default_factory=Counter)
    from_receipts: int = 0
    broken: list[Broken] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Rebuild:
    """Safe to repeat and to break off: what is there stays, and nothing is accepted until one has come to its end."""

    records: Rebuilding
    journal: Journal
    find_end: Callable[[Recorded], Restoration]
    tell_again_s: float  # what ended so lately is told to its destinations again

    def rebuild(
        self, *, dry_run: bool = False, accept_broken: bool = False, watch: Callable[[Rebuilt], None]
    ) -> Rebuilt:
        """Restore projects and keys, then all tasks, and open the store; ``watch`` is shown how far it has come.

        It stays closed when something of the journal cannot be read, unless that is accepted.

        Raises:
            Unavailable, Refused, Overloaded: of the store, the storage or the journal; repeat it.
        """
        rebuilt = Rebuilt()
        if not dry_run:
            self.records.begin()
        for tenant in _readable(self.journal.tenants(), rebuilt.broken):
            rebuilt.projects += 1
            if not dry_run:
                self.records.restore_tenant(tenant)
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="rebuild") as pool:
            for step in _in_steps(_readable(self.journal.tasks(), rebuilt.broken), A_STEP):
                self._restore(list(pool.map(self._decide, step)), rebuilt, dry_run=dry_run)
                watch(rebuilt)
        if not dry_run and (accept_broken or not rebuilt.broken):
            self.records.end()
        return rebuilt

    def _decide(self, recorded: Recorded) -> Restoration:
        ended = recorded.ended
        if recorded.is_deleted:
            return Restoration(recorded)
        if ended is None:
            return self.find_end(recorded)
        return Restoration(recorded, ended, epoch=ended.epoch)

    def _restore(self, step: Sequence[Restoration], rebuilt: Rebuilt, *, dry_run: bool) -> None:
        outcomes = self.records.restore(step, tell_again_s=self.tell_again_s, dry_run=dry_run)
        for restoration, outcome in zip(step, outcomes, strict=True):
            rebuilt.tasks[outcome] += 1
            is_found = restoration.ended is not None and restoration.recorded.ended is None
            rebuilt.from_receipts += is_found and outcome != KNOWN


def _readable(found: Iterable[T | Broken], broken: list[Broken]) -> Iterator[T]:
    """What can be read; the rest is noted."""
    for each in found:
        if isinstance(each, Broken):
            broken.append(each)
        else:
            yield each


def _in_steps(found: Iterator[T], size: int) -> Iterator[Sequence[T]]:
    while step := list(islice(found, size)):
        yield step
