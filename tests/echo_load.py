"""A burst of echo tasks from clients that do what the documentation tells them: repeat with the same key."""

import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import httpx
from processes import wait_for

ACCEPTED, BUSY = 202, 503
UNANSWERED = 0
CLIENTS = 8


class FrontDoor(Protocol):
    """Whatever has an API."""

    @property
    def http(self) -> httpx.Client: ...


@dataclass
class Burst:
    """What was accepted, by Idempotency-Key, and every answer on the way; `UNANSWERED` is a lost connection."""

    accepted: dict[str, set[str]] = field(default_factory=dict)
    answers: list[int] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, key: str, status: int, *, task_id: str | None = None) -> None:
        with self._lock:
            self.answers.append(status)
            if task_id is not None:
                self.accepted.setdefault(key, set()).add(task_id)

    @property
    def count(self) -> int:
        return len(self.accepted)

    @property
    def ids(self) -> list[str]:
        return [task_id for ids in self.accepted.values() for task_id in ids]


def submit_echo(stack: FrontDoor, **params: object) -> str:
    """One accepted echo. A node that comes to after a fault may ask for a moment more: the same key comes again."""
    answers: list[httpx.Response] = []
    headers = {"Idempotency-Key": uuid.uuid4().hex}

    def is_answered() -> bool:
        answers.append(stack.http.post("/v1/tasks", json={"type": "system.echo", "params": params}, headers=headers))
        return answers[-1].status_code != BUSY

    wait_for(is_answered)
    assert answers[-1].status_code == ACCEPTED, answers[-1].text
    task_id: str = answers[-1].json()["id"]
    return task_id


def submit_echoes(stack: FrontDoor, count: int, **params: object) -> list[str]:
    with ThreadPoolExecutor(CLIENTS) as clients:
        return list(clients.map(lambda _: submit_echo(stack, **params), range(count)))


@contextmanager
def bursting(stack: FrontDoor, count: int, **params: object) -> Iterator[Burst]:
    """Submit ``count`` echoes in the background; on leaving all of them are accepted."""
    burst = Burst()
    keys = [uuid.uuid4().hex for _ in range(count)]
    with ThreadPoolExecutor(CLIENTS) as clients:
        done = [clients.submit(insist, stack, burst, key=key, params=params) for key in keys]
        yield burst
        for client in done:
            client.result()


def insist(stack: FrontDoor, burst: Burst, *, key: str, params: dict[str, Any]) -> None:
    """Submit until accepted, however often the API is away."""

    def is_accepted() -> bool:
        try:
            answer = stack.http.post(
                "/v1/tasks", json={"type": "system.echo", "params": params}, headers={"Idempotency-Key": key}
            )
        except httpx.TransportError:
            burst.note(key, UNANSWERED)
            return False
        accepted = answer.status_code == ACCEPTED
        burst.note(key, answer.status_code, task_id=answer.json()["id"] if accepted else None)
        return accepted

    wait_for(is_accepted, within_s=60)


def await_count(burst: Burst, count: int) -> None:
    """Return when so many have been accepted."""
    wait_for(lambda: burst.count >= count)
