"""What happens to a task or in a project, over as many connections as it takes: server-sent events (docs/http.md)."""

import json
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass

import httpx

from orchestrator.client.api_error import ApiError
from orchestrator.client.calls import AGAIN, Caller, parse_problem, pause_s
from orchestrator.client.errors import Unreachable
from orchestrator.client.results import TERMINAL, Json

SILENCE_S = 45.0  # the service says something every 15 s
AWAY_S = 60.0  # who was heard before may be away for so long: it is being restarted


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, as docs/http.md says: `status`, `progress`, `log`, `output` or `gap`.

    Whoever follows again after ``cursor`` misses nothing.
    """

    name: str
    data: Json
    cursor: str | None

    @property
    def task_id(self) -> str | None:
        """Which task; None for a gap in the story of a whole project."""
        return self.data.get("task_id")

    @property
    def has_ended(self) -> bool:
        """Whether the task has ended with this."""
        return self.name == "status" and self.data["status"] in TERMINAL


@dataclass(slots=True)
class Story:
    """One place in a stream of events. A broken connection is followed by another that goes on after ``cursor``."""

    caller: Caller
    path: str
    ends: bool
    cursor: str | None = None
    come_back_s: float = 1.0
    is_over: bool = False
    was_heard: bool = False
    in_vain: int = 0
    waited_s: float = 0.0

    def begin(self) -> Generator[Event, None, None]:
        """Connect, so that whatever happens from now on is told; then each event once and in order.

        Raises:
            ApiError: the service refused to tell, or stayed away: for some tries at first, later for a minute.
        """
        told = self._tell()
        return _without_openings(next(told, None), told)

    def _tell(self) -> Generator[Event | None, None, None]:
        while not self.is_over:
            try:
                yield from self._connection()
            except ApiError as error:
                if error.status not in AGAIN or not self._may_hope():
                    raise
                pause = pause_s(self.in_vain, error.retry_after_s)
                self.waited_s += pause
                self.caller.sleep(pause)
            else:
                if not self.is_over:
                    self.caller.sleep(self.come_back_s)

    def _may_hope(self) -> bool:
        self.in_vain += 1
        return self.in_vain < self.caller.tries or (self.was_heard and self.waited_s < AWAY_S)

    def _connection(self) -> Iterator[Event | None]:
        headers = {"Last-Event-ID": self.cursor} if self.cursor else {}
        timeout = httpx.Timeout(self.caller.http.timeout.connect, read=SILENCE_S)
        try:
            with self.caller.http.stream("GET", self.path, headers=headers, timeout=timeout) as response:
                if not response.is_success:
                    response.read()
                    raise parse_problem(response)
                self.was_heard, self.in_vain, self.waited_s = True, 0, 0.0
                self.is_over = response.status_code == httpx.codes.NO_CONTENT
                has_ended = False
                for event in self._parse(response.iter_lines()):
                    if event is not None and event.name == "status":
                        has_ended = event.has_ended
                    yield event
                self.is_over |= self.ends and has_ended
        except httpx.TransportError as error:
            message = f"{self.caller.http.base_url} stopped telling: {type(error).__name__}"
            raise Unreachable(message) from error

    def _parse(self, lines: Iterator[str]) -> Iterator[Event | None]:
        """The format is that of the HTML standard, 9.2.6. None is the opening of a stream: it only moves the cursor."""
        name, data = "message", ""
        for line in lines:
            field, _, value = line.partition(": ")
            if field == "event":
                name = value
            elif field == "data":
                data += value
            elif field == "id":
                self.cursor = value
            elif field == "retry":
                self.come_back_s = int(value) / 1000
            elif not line:
                yield Event(name, json.loads(data), self.cursor) if data else None
                name, data = "message", ""


def _without_openings(first: Event | None, told: Generator[Event | None, None, None]) -> Generator[Event, None, None]:
    with closing(told):
        if first is not None:
            yield first
        yield from (event for event in told if event is not None)
