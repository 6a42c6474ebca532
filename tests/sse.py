"""Server-sent events as a client reads them (HTML standard, 9.2.6), for tests and benchmarks."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Seen:
    """An event. ``cursor`` is the last id of the stream so far, its own or an earlier one."""

    name: str
    data: Any
    cursor: str

    @property
    def word(self) -> str:
        """The status that it tells, or its name."""
        return str(self.data.get("status", self.name))


def parse_events(lines: Iterable[str]) -> Iterator[Seen]:
    name, data, cursor = "message", "", ""
    for line in lines:
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            data += value
        elif field == "id":
            cursor = value
        elif not line:
            if data:
                yield Seen(name, json.loads(data), cursor)
            name, data = "message", ""
