"""`Journal` as small objects in S3 or R2; `journal_names.py` says which.

No key is written twice but that of a project: R2 takes one write a second of each (stack facts D).
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain
from typing import TypeVar

import structlog

from orchestrator.adapters.s3_storage.journal_names import (
    BATCH,
    DELETED,
    ENTRY,
    GONE,
    Day,
    JournalNames,
    Marks,
    name_of_change,
    name_of_end,
    name_of_retry,
    split,
)
from orchestrator.adapters.s3_storage.journal_text import (
    parse_change,
    parse_ended,
    parse_entries,
    parse_tenant,
    render_entries,
    render_value,
)
from orchestrator.adapters.s3_storage.small_objects import SmallObjects
from orchestrator.domain.errors import InputNotFound
from orchestrator.domain.journal import Broken, Change, Ended, Entry, Recorded, Tenant

READ_AT_ONCE = 16
PAGE = 256
NOTHING = b"{}"
UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, InputNotFound)

log = structlog.get_logger()

Read = TypeVar("Read")


class S3Journal:
    """Implements `ports.journal.Journal`."""

    def __init__(self, objects: SmallObjects, *, prefix: str) -> None:
        self._objects = objects
        self._names = JournalNames(prefix)

    def write(self, entries: Sequence[Entry]) -> None:
        first = entries[0].task
        what = ENTRY if len(entries) == 1 else BATCH
        self._objects.create(render_entries(entries), self._names.of_task(first.project, first.id, what=what))

    def note_retry(self, project: str, task_id: str, *, generation: int) -> None:
        self._objects.create(NOTHING, self._names.of_task(project, task_id, what=name_of_retry(generation)))

    def note_change(self, project: str, task_id: str, *, change: Change) -> None:
        self._objects.create(
            render_value(change), self._names.of_task(project, task_id, what=name_of_change(change.at_ms))
        )

    def note_deleted(self, project: str, task_id: str) -> None:
        self._objects.create(NOTHING, self._names.of_task(project, task_id, what=DELETED))

    def note_done(self, project: str, task_id: str, *, ended: Ended) -> None:
        self._objects.create(
            render_value(ended), self._names.of_task(project, task_id, what=name_of_end(ended.generation))
        )

    def note_gone(self, project: str, task_id: str) -> None:
        self._objects.create(NOTHING, self._names.of_task(project, task_id, what=GONE))

    def keep_tenant(self, tenant: Tenant) -> None:
        self._objects.put(render_value(tenant), self._names.tenant(tenant.slug))

    def is_empty(self) -> bool:
        return not any(self._objects.keys(self._names.everything, most=1))

    def tenants(self) -> Iterator[Tenant | Broken]:
        for key in self._objects.keys(self._names.tenants):
            yield self._read(key, parse_tenant)

    def tasks(self) -> Iterator[Recorded | Broken]:
        with ThreadPoolExecutor(READ_AT_ONCE, thread_name_prefix="journal") as pool:
            for day in self._days():
                for first in range(0, len(day.entries), PAGE):
                    keys = day.entries[first : first + PAGE]
                    found = list(chain.from_iterable(pool.map(self._read_entries, keys)))
                    yield from (each for each in pool.map(partial(self._look, day), found) if each is not None)

    def forget_gone(self) -> int:
        return sum(self._forget_of(day, key) for day in self._days() for key in day.entries)

    def _days(self) -> Iterator[Day]:
        for project in self._objects.folders(self._names.tasks):
            for root in self._objects.folders(project):
                yield Day.of(root, self._objects.keys(root))

    def _read_entries(self, key: str) -> Sequence[Entry | Broken]:
        found = self._read(key, parse_entries)
        return (found,) if isinstance(found, Broken) else found

    def _look(self, day: Day, entry: Entry | Broken) -> Recorded | Broken | None:
        """All that there is of the task; None of one that is gone."""
        if isinstance(entry, Broken):
            return entry
        marks = self._marks_of(day, entry)
        if marks.is_gone:
            return None
        change_key, done_key = marks.latest_change, marks.keys.get(name_of_end(marks.generation))
        change = self._read(change_key, parse_change) if change_key else None
        ended = self._read(done_key, parse_ended) if done_key else None
        if isinstance(change, Broken):
            return change
        if isinstance(ended, Broken):
            return ended
        return Recorded(entry, marks.generation, change, ended, is_deleted=DELETED in marks.keys)

    def _marks_of(self, day: Day, entry: Entry) -> Marks:
        """A batch that was accepted at midnight has tasks of two days."""
        root = self._names.of_task(entry.task.project, entry.task.id)
        if root.startswith(day.root):
            return Marks.of(day.marks.get(entry.task.id, ()))
        return Marks.of(self._objects.keys(root))

    def _forget_of(self, day: Day, key: str) -> int:
        """The entry goes before the marks that say it is not needed."""
        if key.endswith(BATCH) or day.marks.get(split(key)[0]):
            entries = self._read_entries(key)
            marks = [self._marks_of(day, entry) for entry in entries if isinstance(entry, Entry)]
            if len(marks) == len(entries) and all(each.is_gone for each in marks):
                keys = [key, *chain.from_iterable(each.keys.values() for each in marks)]
                for each in keys:
                    self._objects.delete(each)
                return len(keys)
        return 0

    def _read(self, key: str, parse: Callable[[bytes], Read]) -> Read | Broken:
        content = self._objects.get(key)
        try:
            return parse(content)
        except UNREADABLE as error:
            log.warning("journal.broken", key=key, error=repr(error))
            return Broken(key, "it is no entry of a journal")
