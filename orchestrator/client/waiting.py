"""Waiting for a task to end: the service waits with us, or we look once a second and tell."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from orchestrator.client.results import Task

FIRST_POLL_S = 0.1
LONGEST_POLL_S = 1.0
LONGEST_WAIT_S = 20


@dataclass(frozen=True, slots=True)
class Wait:
    """``look`` gets the task, after that many seconds at the latest if it has not ended before."""

    look: Callable[[int], Task]
    sleep: Callable[[float], None]

    def for_end(self, timeout_s: float | None, on_update: Callable[[Task], None] | None) -> Task:
        deadline_s = math.inf if timeout_s is None else time.monotonic() + timeout_s
        pause_s = FIRST_POLL_S
        while True:
            begun_s = time.monotonic()
            task = self.look(0 if on_update else int(min(LONGEST_WAIT_S, max(0.0, deadline_s - begun_s))))
            if on_update is not None:
                on_update(task)
            if task.has_ended:
                return task
            if time.monotonic() + pause_s > deadline_s:
                raise TimeoutError(f"task {task.id} is still {task.status} after {timeout_s} s")
            self.sleep(max(0.0, begun_s + pause_s - time.monotonic()))
            pause_s = min(LONGEST_POLL_S, pause_s * 1.5)
