"""Times in what the API answers."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import PlainSerializer, WithJsonSchema

from orchestrator.domain.timestamp import timestamp

Time = Annotated[
    datetime,
    PlainSerializer(lambda at: timestamp(round(at.timestamp() * 1000)), return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}, mode="serialization"),
]


def time_of(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC)


def time_or_none(at_ms: int | None) -> datetime | None:
    return None if at_ms is None else time_of(at_ms)
