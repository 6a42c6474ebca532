"""`Prefer: wait=n` (RFC 7240, section 4.3): an answer that waits for the end of its task, and holds no thread."""

import asyncio
import re
from dataclasses import dataclass
from typing import Annotated

import structlog
from fastapi import Header, Request
from fastapi.concurrency import run_in_threadpool

from orchestrator.api.deps import parts_of
from orchestrator.api.event_stream import OpenStreams
from orchestrator.domain.errors import OrchestratorError
from orchestrator.domain.task import TERMINAL, Task
from orchestrator.wiring.api_parts import ApiParts

log = structlog.get_logger()

LONGEST_S = 60
LOOK_S = 1.0
WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?([0-9]{1,6})\"?\s*(?:$|[,;])", re.IGNORECASE)
APPLIED = "Preference-Applied"


@dataclass(frozen=True, slots=True)
class Waited:
    """The task as it is now, and the header that says how long we were ready to wait; none if we could not."""

    task: Task
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a request wants to wait, and the means to."""

    wait_s: int
    request: Request
    parts: ApiParts

    async def wait_for(self, task: Task) -> Waited:
        """Until the task has ended, the wait is over, or the client is gone. Waiting never makes an answer fail."""
        if self.wait_s == 0:
            return Waited(task, {})
        streams: OpenStreams = self.request.app.state.streams
        try:
            if not task.status.is_terminal:
                with streams.place(task.project):
                    await self._await_end(task)
                task = await run_in_threadpool(self.parts.reads.get, task.project, task.id)
        except OrchestratorError as error:
            log.warning("wait.failed", task_id=task.id, code=error.code)
            return Waited(task, {})
        return Waited(task, {APPLIED: f"wait={self.wait_s}"})

    async def _await_end(self, task: Task) -> None:
        deadline_s = asyncio.get_running_loop().time() + self.wait_s
        async with self.parts.feed.follow_task(task.project, task.id, after=(task.generation, 0)) as following:
            while (left_s := deadline_s - asyncio.get_running_loop().time()) > 0:
                told = await following.next(within_s=min(left_s, LOOK_S))
                has_ended = told is not None and told.event.type in TERMINAL
                if has_ended or (told is None and await self.request.is_disconnected()):
                    return


Prefer = Annotated[
    str | None, Header(description="`wait=n`: answer when the task has ended, at the latest after n (≤ 60) seconds.")
]


def patience_of(request: Request, prefer: str | None) -> Patience:
    return Patience(parse_wait(prefer), request, parts_of(request))


def parse_wait(prefer: str | None) -> int:
    """Seconds to wait, at most a minute; what is no such preference is ignored, as the RFC asks."""
    found = WAIT.search(prefer or "")
    return min(int(found[1]), LONGEST_S) if found else 0
