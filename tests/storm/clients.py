"""Clients of a storm: each submits with keys, looks, lists, cancels and retries at a steady pace, and notes it all."""

import json
import random
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from storm.history import Kind, Outcome, Recorder, Seen
from storm.ledger import Commit, Ledger

from orchestrator.domain.task import TERMINAL

NOT_FOUND = 404
SURE_TO_END_S = 90.0
JSON = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Habits:
    """How many clients there are, how often each does something, and what its tasks are like."""

    clients: int = 4
    pause_s: float = 0.05
    tasks_at_once: int = 6
    longest_ms: int = 400
    cancels: float = 0.12
    fails: float = 0.04
    repeats: float = 0.1
    lists: float = 0.03


@dataclass(slots=True)
class Client:
    """One client. It stops submitting when ``stopping`` is set, and stays until its tasks have ended."""

    http: httpx.Client
    recorder: Recorder
    ledger: Ledger
    stopping: threading.Event
    dice: random.Random
    habits: Habits = Habits()
    _open: dict[str, int] = field(default_factory=dict)  # task id to the generation that is awaited

    def work(self) -> None:
        pause = threading.Event()
        while not self.stopping.is_set():
            self._do_something()
            pause.wait(self.habits.pause_s)
        give_up_at = time.monotonic() + SURE_TO_END_S
        while self._open and time.monotonic() < give_up_at:
            for task_id in tuple(self._open):
                self._look(task_id)
            pause.wait(0.2)

    def _do_something(self) -> None:
        if self.dice.random() < self.habits.lists:
            self._call(Kind.LIST, "", method="GET", path="/v1/tasks?limit=50")
        if len(self._open) < self.habits.tasks_at_once:
            self._submit()
        else:
            self._look(self.dice.choice(list(self._open)))

    def _submit(self) -> None:
        """Until it is acked: with the same key after an answer that is lost, and now and then for no reason."""
        key, body = uuid.uuid4().hex, {"type": "system.echo", "params": self._draw_params()}
        while not (seen := self._call(Kind.SUBMIT, key, method="POST", path="/v1/tasks", body=body)):
            if self.stopping.wait(0.2):
                return
        task_id = seen[0].task_id
        self.ledger.accept(task_id)
        self._open[task_id] = 1
        if self.dice.random() < self.habits.repeats:
            self._call(Kind.SUBMIT, key, method="POST", path="/v1/tasks", body=body)
        if self.dice.random() < self.habits.cancels:
            self._call(Kind.CANCEL, task_id, method="POST", path=f"/v1/tasks/{task_id}/cancel")

    def _draw_params(self) -> dict[str, object]:
        params: dict[str, object] = {"size_bytes": 64, "delay_ms": self.dice.randrange(self.habits.longest_ms)}
        return {**params, "fail": "invalid_input"} if self.dice.random() < self.habits.fails else params

    def _look(self, task_id: str) -> None:
        for seen in self._call(Kind.GET, task_id, method="GET", path=f"/v1/tasks/{task_id}") or ():
            if seen.status in TERMINAL and seen.generation >= self._open[task_id]:
                self.ledger.commit(Commit(task_id, seen.generation, seen.status, seen.content))
                self._leave(seen)

    def _leave(self, seen: Seen) -> None:
        """The task has ended: retry it, once, if it did not succeed and the dice say so; then forget it."""
        retried = None
        if seen.status != "succeeded" and seen.generation == 1 and self.dice.random() < 1 / 2:
            path = f"/v1/tasks/{seen.task_id}/retry"
            retried = self._call(
                Kind.RETRY, seen.task_id, method="POST", path=path, body={"generation": seen.generation}
            )
        if retried:
            self._open[seen.task_id] = seen.generation + 1
        else:
            del self._open[seen.task_id]

    def _call(
        self, kind: Kind, about: str, *, method: str, path: str, body: JSON | None = None
    ) -> tuple[Seen, ...] | None:
        """The tasks of an answer that says ok, and nothing for any other; noted as what it was."""
        invoked_s = time.monotonic()
        headers = {"Idempotency-Key": about} if kind is Kind.SUBMIT else {}
        try:
            answer = self.http.request(method, path, json=body, headers=headers)
        except httpx.TransportError as error:
            never_sent = isinstance(error, httpx.ConnectError)
            outcome = Outcome.FAIL if never_sent and kind is Kind.SUBMIT else Outcome.INFO
            self.recorder.complete(kind, about, invoked_s=invoked_s, outcome=outcome)
            return None
        if answer.is_success:
            seen = tuple(parse_views(answer.json()))
            self.recorder.complete(kind, about, invoked_s=invoked_s, outcome=Outcome.OK, seen=seen)
            return seen
        outcome = Outcome.FAIL if answer.status_code == NOT_FOUND else Outcome.INFO
        self.recorder.complete(kind, about, invoked_s=invoked_s, outcome=outcome)
        return None


def parse_views(answer: JSON) -> Iterator[Seen]:
    """The tasks that an answer shows."""
    for view in answer.get("items", [answer]):
        outputs = [(output["name"], output["sha256"]) for output in view.get("outputs", [])]
        ended = view["status"] == "succeeded"
        yield Seen(
            view["id"],
            view["generation"],
            view["status"],
            max((attempt["epoch"] for attempt in view.get("attempts", [])), default=0),
            json.dumps([view["result"], outputs], sort_keys=True) if ended else "",
        )


@contextmanager
def clients_at_work(clients: Sequence[Client], stopping: threading.Event) -> Iterator[None]:
    """All clients work until the block is left; then they stay until their tasks have ended."""
    with ThreadPoolExecutor(len(clients), thread_name_prefix="client") as pool:
        working = [pool.submit(client.work) for client in clients]
        try:
            yield
        finally:
            stopping.set()
        for client in working:
            client.result()
