"""Rebuild: after a total loss of the store of records, make again what the journal tells of (ADR 0041)."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar

from orchestrator.domain.journal import Broken, Recorded, Restoration
from orchestrator.ports.journal import Journal
from orchestrator.ports.rebuilding import Rebuilding

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
    find_ends: Callable[[Sequence[Recorded]], Sequence[Restoration]]
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
        for step in _in_steps(_readable(self.journal.tasks(), rebuilt.broken), A_STEP):
            self._restore(self._decide(step), rebuilt, dry_run=dry_run)
            watch(rebuilt)
        if not dry_run and (accept_broken or not rebuilt.broken):
            self.records.end()
        return rebuilt

    def _decide(self, step: Sequence[Recorded]) -> Sequence[Restoration]:
        """In the order of the step."""
        unknown = [recorded for recorded in step if recorded.ended is None and not recorded.is_deleted]
        found = {each.recorded.task_id: each for each in self.find_ends(unknown)}
        return [found.get(recorded.task_id) or _as_recorded(recorded) for recorded in step]

    def _restore(self, step: Sequence[Restoration], rebuilt: Rebuilt, *, dry_run: bool) -> None:
        outcomes = self.records.restore(step, tell_again_s=self.tell_again_s, dry_run=dry_run)
        for restoration, outcome in zip(step, outcomes, strict=True):
            rebuilt.tasks[outcome] += 1
            is_found = restoration.ended is not None and restoration.recorded.ended is None
            rebuilt.from_receipts += is_found and outcome != KNOWN


def _as_recorded(recorded: Recorded) -> Restoration:
    return Restoration(recorded, recorded.ended, epoch=recorded.ended.epoch if recorded.ended else 0)


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
