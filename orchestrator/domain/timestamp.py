"""How a point in time is written wherever others read it."""

from datetime import UTC, datetime


def timestamp(at_ms: int) -> str:
    """In UTC, to the millisecond, and of one length whatever the time: such texts sort as their times do (RFC 3339)."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
