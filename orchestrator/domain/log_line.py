"""A line of a task's own log: what a run says of itself to the client. Structured, short, and all of it ours."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Plain = str | int | float | bool
Level = Literal["info", "warning"]

EVENT = re.compile(r"^[a-z_]+(\.[a-z_]+)+$")
MOST_FIELDS = 8
LONGEST_TEXT = 200
UNPRINTABLE = re.compile(r"[^\x20-\x7e\u00a0-\ud7ff\ue000-\ufffd]")


@dataclass(frozen=True, slots=True)
class LogLine:
    """``event`` is a name like ``stage.ended``, ``fields`` are plain values.

    Clients see it. Nothing foreign may stand in it: no text of a library's exception, no address, no key of storage.
    """

    event: str
    fields: Mapping[str, Plain]
    level: Level = "info"

    def __post_init__(self) -> None:
        if not EVENT.match(self.event) or len(self.fields) > MOST_FIELDS:
            raise ValueError(f"{self.event!r} is no line of a log")
        short = {name: _short(value) for name, value in self.fields.items()}
        object.__setattr__(self, "fields", short)


@dataclass(frozen=True, slots=True)
class Said:
    """The ``number``-th line of a run, counted from 1, and how long ago it was said."""

    number: int
    ago_s: float
    line: LogLine


def _short(value: Plain) -> Plain:
    return UNPRINTABLE.sub("?", value)[:LONGEST_TEXT] if isinstance(value, str) else value
