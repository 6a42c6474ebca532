"""`Client`: submit, watch, fetch. Sync; one instance may be shared by threads."""

import time
import uuid
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import httpx

from orchestrator.client.breakers import Breakers
from orchestrator.client.calls import Call, Caller
from orchestrator.client.deliveries import Deliveries
from orchestrator.client.estimates import Estimate, parse_estimate
from orchestrator.client.events import Event, Story
from orchestrator.client.keys import Keys
from orchestrator.client.large_results import parse_whole
from orchestrator.client.many import Many
from orchestrator.client.models import Models
from orchestrator.client.options import AS_USUAL, Options, Submission, Wish, render_change, render_submit, with_hash
from orchestrator.client.pauses import Pauses
from orchestrator.client.projects import Projects
from orchestrator.client.receipts import Receipts
from orchestrator.client.results import LogLine, Output, Task, TaskType, parse_log_line, parse_task, parse_task_type
from orchestrator.client.transfers import OnProgress, content_type_of, get_file
from orchestrator.client.uploads import Uploader
from orchestrator.client.waiting import Wait
from orchestrator.client.webhooks import Webhooks

TRANSFER_TIMEOUT = httpx.Timeout(60.0, connect=10.0)


class Client:
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
        headers, trust = {"Authorization": f"Bearer {api_key}"}, httpx.create_ssl_context()  # once, it is slow
        self._http = httpx.Client(base_url=base_url, headers=headers, timeout=timeout_s, verify=trust)
        self._storage = httpx.Client(timeout=TRANSFER_TIMEOUT, verify=trust)
        self._caller = Caller(self._http, tries=tries, sleep=sleep)
        self.projects = Projects(self._caller)
        self.keys = Keys(self._caller)
        self.pauses = Pauses(self._caller)
        self.webhooks = Webhooks(self._caller)
        self.breakers = Breakers(self._caller)
        self.models = Models(self._caller, self._storage)
        self.many = Many(self._caller)
        self.receipts = Receipts(self._caller)
        self.deliveries = Deliveries(self._caller)
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
        input: Path | str | None = None,  # noqa: A002 - the same
        /,
        *,
        options: Options = AS_USUAL,
        **params: Any,  # noqa: ANN401 - each task type has its own
    ) -> Task:
        """Submit a task. ``input`` is a file, which is uploaded, the URL of one, the key that `upload` returned, or a
        document of PayloadCMS as `payload:media/3`.

        Every repeat carries the same Idempotency-Key (a random one when none is given): a lost answer never makes a
        second task.

        Raises:
            ApiError: the service refused the task, or could not be reached.
        """
        body = self._uploaded(Submission(type, input, params, options))
        headers = {"Idempotency-Key": options.idempotency_key or uuid.uuid4().hex}
        return parse_task(self._caller.send(Call("POST", "/v1/tasks", body=body, headers=headers)))

    def submit_batch(self, submissions: Sequence[Submission], *, idempotency_key: str | None = None) -> tuple[str, ...]:
        """Submit up to 1,000 tasks in one call, all or none, and return their ids in order. Files are uploaded first,
        one after the other.

        Raises:
            BatchInvalid, BatchRefused: ``fields`` names the tasks that it is about, as ``tasks.<n>``.
            ApiError: as `submit`.
        """
        body = {"tasks": [self._uploaded(submission) for submission in submissions]}
        headers = {"Idempotency-Key": idempotency_key or uuid.uuid4().hex}
        answer = self._caller.send(Call("POST", "/v1/tasks:batch", body=body, headers=headers))
        return tuple(item["id"] for item in answer["items"])

    def estimate(
        self,
        type: str,  # noqa: A002 - the API's own word
        input: Path | str | None = None,  # noqa: A002 - the same
        /,
        *,
        options: Options = AS_USUAL,
        **params: Any,  # noqa: ANN401 - each task type has its own
    ) -> Estimate:
        """What a `submit` of the same would be told now, and what the task would cost and wait. Nothing is uploaded.

        Raises:
            ApiError: the service could not answer.
        """
        source = None if isinstance(input, Path) else input
        body = render_submit(type, source, params=params, options=options)
        if isinstance(input, Path):
            sha256 = with_hash(options, input).sha256
            body["input"] = {"size_bytes": input.stat().st_size} | ({"sha256": sha256} if sha256 else {})
        return parse_estimate(self._caller.send(Call("POST", "/v1/tasks:estimate", body=body)))

    def _uploaded(self, submission: Submission) -> dict[str, Any]:
        """The body of a submit, with its file where the service finds it."""
        source, options = submission.input, submission.options
        if isinstance(source, Path):
            options = with_hash(options, source)
            source = self.upload(source)
        return render_submit(submission.type, source, params=submission.params, options=options)

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

    def abort_upload(self, upload_id: str) -> None:
        """Throw away what has arrived of an upload in parts."""
        self._caller.send(Call("DELETE", f"/v1/uploads/{upload_id}"))

    def get(self, task_id: str, *, wait_s: int = 0) -> Task:
        """The task as it is now; or, with ``wait_s`` (at most 60), when it has ended or that long from now.

        Raises:
            TaskNotFound: there is no such task.
            ApiError: the service could not be reached.
        """
        return parse_whole(self._caller, self._caller.send(Call("GET", f"/v1/tasks/{task_id}", wait_s=wait_s)))

    def list(
        self,
        *,
        status: str | None = None,
        type: str | None = None,  # noqa: A002 - the API's own word
        labels: Mapping[str, str] | None = None,
        page_size: int = 50,
    ) -> Iterator[Task]:
        """Every task of the project, newest first; pages are fetched as the iteration reaches them."""
        label = [f"{name}:{value}" for name, value in (labels or {}).items()]
        wanted = {"status": status, "type": type, "label": label, "limit": page_size}
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

    def change(self, task_id: str, **wanted: Wish) -> Task:
        """Change ``priority`` or ``labels`` of a queued task, or ``expires_at`` of any; what is None stays."""
        return parse_task(self._caller.send(Call("PATCH", f"/v1/tasks/{task_id}", body=render_change(wanted))))

    def delete(self, task_id: str) -> None:
        """Cancel the task and forget it; its files are removed once it has ended."""
        self._caller.send(Call("DELETE", f"/v1/tasks/{task_id}"))

    def retry(self, task_id: str, *, generation: int | None = None, from_stage: str | None = None) -> Task:
        """Queue a failed or canceled task again; ``generation`` is the one that was seen to fail.

        It goes on with the stage that failed, or with ``from_stage`` ("fetch", "infer", "store"). Never repeated by
        itself: after a lost answer the task may be on its way already.
        """
        wanted = {"generation": generation, "from_stage": from_stage}
        body = {name: value for name, value in wanted.items() if value is not None}
        return parse_task(self._caller.send(Call("POST", f"/v1/tasks/{task_id}/retry", body=body, is_repeatable=False)))

    def wait(
        self, task_id: str, *, timeout_s: float | None = None, on_update: Callable[[Task], None] | None = None
    ) -> Task:
        """Until the task has ended. ``on_update`` hears of it once a second; without it the service is asked to wait.

        Raises:
            TimeoutError: it has not ended within ``timeout_s``.
            ApiError: as `get`.
        """
        wait = Wait(lambda wait_s: self.get(task_id, wait_s=wait_s), self._sleep)
        return wait.for_end(timeout_s, on_update)

    def events(self, task_id: str | None = None, *, after: str | None = None) -> Generator[Event, None, None]:
        """What has happened to the task, and what happens until it has ended. Without an id: what happens in the
        project from now on, without end.

        ``after`` is the ``cursor`` of the last event that was heard. A connection that breaks is made again: nothing is
        missed or told twice, and a `gap` says what the service does not know any more. It stays open until the iterator
        is closed or forgotten.

        Raises:
            ApiError: the service refused to tell, or stayed away.
        """
        path = "/v1/events" if task_id is None else f"/v1/tasks/{task_id}/events"
        return Story(self._caller, path, ends=task_id is not None, cursor=after).begin()

    def logs(self, task_id: str) -> tuple[LogLine, ...]:
        """What the task's runs said of themselves, oldest first."""
        return tuple(map(parse_log_line, self._caller.send(Call("GET", f"/v1/tasks/{task_id}/logs"))["items"]))

    def download(self, output: Output, destination: Path) -> Path:
        """Stream an output to ``destination``, or into it when it is a folder; its sha256 is checked.

        Raises:
            DownloadFailed, Unreachable: it could not be fetched whole.
        """
        return get_file(self._storage, output, destination=destination)

    def task_types(self) -> tuple[TaskType, ...]:
        """What the service can do."""
        return tuple(map(parse_task_type, self._caller.send(Call("GET", "/v1/task-types"))["items"]))
