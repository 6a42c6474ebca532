"""The stall rule: what waits while nothing is executed has stalled, whatever the server says of its health."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


class Counted(Protocol):
    """What a server counts of a model."""

    @property
    def pending(self) -> float: ...

    @property
    def executions(self) -> float: ...

    @property
    def failed(self) -> float: ...

    @property
    def rejected(self) -> float: ...


@dataclass(slots=True)
class StallRule:
    """Remembers what was counted. A server that began anew counts from zero again, which is a change as well."""

    stalled_after_s: float
    _before: Mapping[str, Counted] = field(default_factory=dict)
    _moved_s: dict[str, float] = field(default_factory=dict)

    def look(self, counted: Mapping[str, Counted], now_s: float) -> tuple[list[str], list[str]]:
        """Models that have stalled, and those of which requests failed since the last look and none was executed."""
        doubtful = []
        for model, now in counted.items():
            before = self._before.get(model)
            # What waits is given up after a while, by the queue's policy: that it was there counts.
            is_waited_for = now.pending or (before and now.rejected > before.rejected)
            if before is None or not is_waited_for or now.executions != before.executions:
                self._moved_s[model] = now_s
            if before and now.failed > before.failed and now.executions == before.executions:
                doubtful.append(model)
        self._before = counted
        stalled = [model for model in counted if now_s - self._moved_s[model] >= self.stalled_after_s]
        return stalled, doubtful

    def forget(self) -> None:
        """The server is another."""
        self._before = {}
        self._moved_s.clear()
