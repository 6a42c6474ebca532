"""What the streams of a task and of a project tell. Both are bounded: what they have lost is told as a gap."""

from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator.adapters.redis.client import Entries
from orchestrator.adapters.redis.records import parse_event, parse_told
from orchestrator.domain.task import Status, TaskEvent
from orchestrator.ports.feed import GAP, Told

Position = tuple[int, int]
BEGINNING: Position = (0, 0)
FACTS = ("status", "generation", "seq", "updated_ms", "cancel_ms")


def parse_position(text: str) -> Position:
    """The two numbers of an entry id."""
    first, _, second = text.partition("-")
    return int(first), int(second)


def render_position(position: Position) -> str:
    return f"{position[0]}-{position[1]}"


def has_lost_entries(info: Mapping[str, Any]) -> bool:
    """From what `XINFO STREAM` says."""
    return bool(info["entries-added"] > info["length"])


def tell_of_task(entries: Entries, facts: Sequence[str | None], *, after: Position) -> list[TaskEvent]:
    """The events after ``after``. Their numbers are without holes over all generations, so a hole is a gap."""
    events = [parse_event(entry_id, fields) for entry_id, fields in entries]
    status, generation, seq, updated_ms, cancel_ms = facts
    first = events[0].seq if events else int(seq or 0) + 1
    if not status or first <= after[1] + 1:
        return events
    shown = "canceling" if cancel_ms and status == Status.RUNNING else status
    at_ms = events[0].at_ms if events else int(updated_ms or 0)
    return [TaskEvent(int(generation or 0), int(seq or 0), GAP, at_ms, {"status": shown}), *events]


def tell_of_project(entries: Entries, *, after: Position, is_cut: bool) -> list[Told]:
    """The changes after ``after``, whose own entry is the first if the stream still has it: then nothing is missing.

    ``is_cut`` says whether the stream has lost entries; it decides for who begins at the beginning.
    """
    has_after = bool(entries) and parse_position(entries[0][0]) == after
    told = [parse_told(cursor, fields) for cursor, fields in entries[has_after:]]
    if has_after or (after == BEGINNING and not is_cut):
        return told
    at_ms = told[0].event.at_ms if told else 0
    return [Told("", TaskEvent(0, 0, GAP, at_ms, {}), cursor=None), *told]
