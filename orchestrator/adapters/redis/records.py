"""The record of a task, between the flat strings of a Redis hash and `domain.task`.

Another version may have written it: what we do not know is passed over here and left alone in the store (ADR 0018).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from enum import StrEnum
from typing import Any, TypeVar

from orchestrator.domain.errors import Category
from orchestrator.domain.log_line import Said
from orchestrator.domain.model import Placement
from orchestrator.domain.task import Artifact, Attempt, Failure, Priority, Progress, Run, Status, Task, TaskEvent
from orchestrator.ports.feed import Told

Flat = Mapping[str, str]
Value = TypeVar("Value", Artifact, Failure, Progress)
Word = TypeVar("Word", bound=StrEnum)
TRIES, WAITS = "tries:", "waits:"
CATEGORIES = frozenset(Category)
NAMES = {kind: frozenset(field.name for field in fields(kind)) for kind in (Artifact, Failure, Progress)}


def render_json(value: object) -> str:
    """Compact JSON with sorted names, so that equal values are equal strings."""
    return json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)


def render_failure(failure: Failure) -> str:
    return render_json(asdict(failure))


def render_limit(limit: float | None) -> str:
    """A limit as scripts take it: empty for none."""
    return "" if limit is None else str(limit)


def render_lines(lines: Sequence[Said]) -> list[list[object]]:
    """As the scripts take them: [number, milliseconds since it was said, JSON]."""
    return [[said.number, int(said.ago_s * 1000), render_json(asdict(said.line))] for said in lines]


def parse_failure(text: str | None) -> Failure | None:
    if not text:
        return None
    found = json.loads(text)
    return _known(Failure, {**found, "category": _word(found["category"], Category.INTERNAL)})


def parse_artifacts(text: str | None) -> tuple[Artifact, ...]:
    return tuple(_known(Artifact, item) for item in _parse_json(text) or ())


def pairs(flat: Sequence[str] | Mapping[str, str]) -> dict[str, str]:
    """A hash as a dict: RESP3 gives a map, a script gives names and values in turn."""
    return dict(flat) if isinstance(flat, Mapping) else dict(zip(flat[::2], flat[1::2], strict=True))


def _parse_optional_int(text: str | None) -> int | None:
    return int(float(text)) if text else None


def _parse_json(text: str | None) -> Any:  # noqa: ANN401 - opaque to us
    if text == "{}":  # most of what is read, and ten times as quick
        return {}
    return json.loads(text) if text else None


def _known(kind: type[Value], found: Mapping[str, Any]) -> Value:
    """A value of ``kind`` from those of its fields that this version knows."""
    names = NAMES[kind]
    return kind(**{name: value for name, value in found.items() if name in names})


def _word(text: str, otherwise: Word) -> Word:
    """``text`` as a word of ours, or ``otherwise`` if it is none yet."""
    try:
        return type(otherwise)(text)
    except ValueError:
        return otherwise


def _parse_counts(flat: Flat, prefix: str) -> dict[Category, int]:
    counted = {name.removeprefix(prefix): int(value) for name, value in flat.items() if name.startswith(prefix)}
    return {Category(name): count for name, count in counted.items() if name in CATEGORIES} if counted else {}


def parse_task(flat: Flat) -> Task:
    """Read a record."""
    return Task(
        id=flat["id"],
        project=flat["project"],
        type=flat["type"],
        lane=flat["lane"],
        model=flat["model"],
        status=Status(flat["status"]),
        priority=_word(flat["priority"], Priority.NORMAL),
        generation=int(flat["generation"]),
        epoch=int(flat["epoch"]),
        input=_parse_json(flat["input"]),
        params=_parse_json(flat["params"]),
        labels=_parse_json(flat["labels"]),
        created_at_ms=int(flat["created_ms"]),
        updated_at_ms=int(flat["updated_ms"]),
        predicted_s=float(flat["predicted_s"]),
        run_id=flat.get("run_id", ""),
        started_at_ms=_parse_optional_int(flat.get("started_ms")),
        ended_at_ms=_parse_optional_int(flat.get("ended_ms")),
        start_by_ms=_parse_optional_int(flat.get("start_by_ms")),
        run_for_s=float(flat["run_for_s"]) if flat.get("run_for_s") else None,
        cancel_requested_at_ms=_parse_optional_int(flat.get("cancel_ms")),
        delayed_until_ms=_parse_optional_int(flat.get("due_ms")),
        progress=_known(Progress, _parse_json(flat.get("progress")) or {}),
        outputs=parse_artifacts(flat.get("outputs")),
        result=_parse_json(flat.get("result")),
        error=parse_failure(flat.get("error")),
        checkpoint=_parse_json(flat.get("checkpoint")),
        usage=_parse_json(flat.get("usage")) or {},
        tries=_parse_counts(flat, TRIES),
        waits=_parse_counts(flat, WAITS),
        pool=flat.get("pool"),
        solo="solo" in flat,
        follows=flat.get("leader"),
        release=flat.get("release", ""),
        webhook=_parse_json(flat.get("webhook")),
        is_journaled="journal" in flat,
        expires_at_ms=_parse_optional_int(flat.get("sweep_ms") or flat.get("expires_ms")),
        changed_at_ms=_parse_optional_int(flat.get("changed_ms")) or 0,
        part_of=flat.get("part_of"),
        parts=int(flat.get("parts", 0)),
        schema=int(flat["schema"]),
    )


def parse_run(flat: Flat, *, owner: str) -> Run:
    """Read the record of a task that has just been claimed."""
    task, instance = parse_task(flat), flat.get("instance")
    placement = Placement(task.release, instance) if instance else None
    return Run(task, task.epoch, task.run_id, owner, placement)


def parse_attempt(entry_id: str, fields: Flat) -> Attempt:
    """Read an entry of ``orch:attempts:<id>``; its id is <generation>-<epoch>."""
    return Attempt(
        epoch=int(entry_id.partition("-")[2]),
        worker=fields["worker"],
        started_at_ms=int(fields["started_ms"]),
        ended_at_ms=int(fields["ended_ms"]),
        error=parse_failure(fields["error"]),
    )


def parse_event(entry_id: str, fields: Flat) -> TaskEvent:
    """Read an entry of ``orch:events:<id>``; its id is <generation>-<seq>."""
    generation, _, seq = entry_id.partition("-")
    return TaskEvent(int(generation), int(seq), fields["type"], int(fields["at_ms"]), json.loads(fields["data"]))


def parse_told(cursor: str, fields: Flat) -> Told:
    """Read an entry of ``orch:story:<project>``: a change of status without its data."""
    return Told(fields["task"], parse_event(fields["event"], {**fields, "data": "{}"}), cursor)
