"""`OrchestratorClient`: submit, watch, fetch. Sync; one instance may be shared by threads."""

import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import httpx

from orchestrator.client.calls import Call, Caller
from orchestrator.client.keys import Keys
from orchestrator.client.projects import Projects
from orchestrator.client.results import Output, Task, TaskType, parse_task, parse_task_type
from orchestrator.client.transfers import OnProgress, content_type_of, get_file
from orchestrator.client.uploads import Uploader

FIRST_POLL_S = 0.1
LONGEST_POLL_S = 1.0
TRANSFER_TIMEOUT = httpx.Timeout(60.0, connect=10.0)


class OrchestratorClient:
    """Talks to one Orchestrator as one project. Close it, or use it in a ``with``."""

    def __init__(
        self,
        base_url: str,
        api_key: str,
        *,
        timeout_s: float = 30.0,
        tries: int = 5,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        headers = {"Authorization": f"Bearer {api_key}"}
        self._http = httpx.Client(base_url=base_url, headers=headers, timeout=timeout_s)
        self._storage = httpx.Client(timeout=TRANSFER_TIMEOUT)
        self._caller = Caller(self._http, tries=tries, sleep=sleep)
        self.projects = Projects(self._caller)
        self.keys = Keys(self._caller)
        self._sleep = sleep

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()
        self._storage.close()

    def submit(
        self,
        type: str,  # noqa: A002 - the API's own word
        *,
        input: str | None = None,  # noqa: A002 - the same
        params: Mapping[str, Any] | None = None,
        labels: Mapping[str, str] | None = None,
        priority: str = "normal",
        idempotency_key: str | None = None,
    ) -> Task:
        """Submit a task; ``input`` is the key that `upload` returned.

        Every repeat carries the same Idempotency-Key (a random one when none is given): a lost answer never makes a
        second task.

        Raises:
            ApiError: the service refused the task, or could not be reached.
        """
        body: dict[str, Any] = {"type": type, "params": params or {}, "labels": labels or {}, "priority": priority}
        if input is not None:
            body["input"] = {"object": input}
        headers = {"Idempotency-Key": idempotency_key or uuid.uuid4().hex}
        return parse_task(self._caller.send(Call("POST", "/v1/tasks", body=body, headers=headers)))

    def upload(
        self,
        path: Path,
        *,
        content_type: str | None = None,
        on_progress: OnProgress | None = None,
        resume: str | None = None,
    ) -> str:
        """Put the file into the project's storage and return its key; ``on_progress`` hears (sent, total) in bytes.

        Files above 100 MB go in parts, four at a time. ``resume`` is the ``upload_id`` of one that broke off: what has
        arrived is not sent again.

        Raises:
            UploadInterrupted: an upload in parts broke off.
            ApiError: the service or the storage refused the file, or could not be reached.
        """
        uploader = Uploader(self._caller, self._storage, path, on_progress)
        if resume is not None:
            return uploader.resume(resume)
        return uploader.send(content_type or content_type_of(path))

    def get(self, task_id: str) -> Task:
        """The task as it is now.

        Raises:
            ApiError: there is no such task (code ``task_not_found``), or the service could not be reached.
        """
        return parse_task(self._caller.send(Call("GET", f"/v1/tasks/{task_id}")))

    def list(
        self,
        *,
        status: str | None = None,
        type: str | None = None,  # noqa: A002 - the API's own word
        page_size: int = 50,
    ) -> Iterator[Task]:
        """Every task of the project, newest first; pages are fetched as the iteration reaches them."""
        wanted = {"status": status, "type": type, "limit": page_size}
        query = {name: value for name, value in wanted.items() if value is not None}
        while True:
            page = self._caller.send(Call("GET", "/v1/tasks", query=query))
            yield from map(parse_task, page["items"])
            if page["next"] is None:
                return
            query["cursor"] = page["next"]

    def cancel(self, task_id: str) -> Task:
        """End a queued task, ask a running one to stop; a task that has ended is returned as it is."""
        return parse_task(self._caller.send(Call("POST", f"/v1/tasks/{task_id}/cancel")))

    def retry(self, task_id: str, *, generation: int | None = None) -> Task:
        """Queue a failed or canceled task again; ``generation`` is the one that was seen to fail.

        Never repeated by itself: after a lost answer the task may be on its way already.
        """
        body = {} if generation is None else {"generation": generation}
        return parse_task(self._caller.send(Call("POST", f"/v1/tasks/{task_id}/retry", body=body, is_repeatable=False)))

    def wait(
        self, task_id: str, *, timeout_s: float | None = None, on_update: Callable[[Task], None] | None = None
    ) -> Task:
        """Poll until the task has ended; ``on_update`` hears every look at it.

        Raises:
            TimeoutError: it has not ended within ``timeout_s``.
            ApiError: as `get`.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        pause_s = FIRST_POLL_S
        while True:
            task = self.get(task_id)
            if on_update is not None:
                on_update(task)
            if task.has_ended:
                return task
            if deadline is not None and time.monotonic() + pause_s > deadline:
                raise TimeoutError(f"task {task_id} is still {task.status} after {timeout_s} s")
            self._sleep(pause_s)
            pause_s = min(LONGEST_POLL_S, pause_s * 1.5)

    def download(self, output: Output, destination: Path) -> Path:
        """Stream an output to ``destination``, or into it when it is a folder; its sha256 is checked.

        Raises:
            ApiError: it could not be fetched whole (code ``download_failed`` or ``unreachable``).
        """
        return get_file(self._storage, output, destination=destination)

    def task_types(self) -> tuple[TaskType, ...]:
        """What the service can do."""
        return tuple(map(parse_task_type, self._caller.send(Call("GET", "/v1/task-types"))["items"]))
