"""The journal's objects as JSON. Another version may have written them: what we do not know is passed over."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any, TypeVar

from orchestrator.domain.errors import Category
from orchestrator.domain.journal import Change, Ended, Entry, KeptAnswer, Tenant
from orchestrator.domain.task import Artifact, Failure, NewTask, Priority, Status

Value = TypeVar("Value", Artifact, Change, Ended, Failure, KeptAnswer, NewTask, Tenant)


def render_entries(entries: Sequence[Entry]) -> bytes:
    return _dump([asdict(entry) for entry in entries])


def parse_entries(content: bytes) -> tuple[Entry, ...]:
    return tuple(_parse_entry(found) for found in json.loads(content))


def _parse_entry(found: Mapping[str, Any]) -> Entry:
    task = _known(NewTask, found["task"], priority=Priority(found["task"]["priority"]))
    return Entry(task, found["created_at_ms"], _known(KeptAnswer, found["answer"]) if found.get("answer") else None)


def render_value(value: Change | Ended | Tenant) -> bytes:
    return _dump(asdict(value))


def parse_change(content: bytes) -> Change:
    found = json.loads(content)
    return _known(Change, found, priority=Priority(found["priority"]))


def parse_ended(content: bytes) -> Ended:
    found = json.loads(content)
    return _known(
        Ended,
        found,
        status=Status(found["status"]),
        outputs=tuple(_known(Artifact, artifact) for artifact in found["outputs"]),
        error=_parse_failure(found["error"]) if found["error"] else None,
    )


def parse_tenant(content: bytes) -> Tenant:
    return _known(Tenant, json.loads(content))


def _parse_failure(found: Mapping[str, Any]) -> Failure:
    return _known(Failure, found, category=Category(found["category"]))


def _known(kind: type[Value], found: Mapping[str, Any], **parsed: object) -> Value:
    """A value of ``kind`` from those of its fields that this version knows."""
    names = {field.name for field in fields(kind)}
    return kind(**{name: value for name, value in {**found, **parsed}.items() if name in names})


def _dump(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
