"""Submit a batch: many tasks, all recorded or none, in one step and one answer."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from orchestrator.domain.batch import BatchInvalid, BatchRefused, NewBatch
from orchestrator.domain.errors import (
    FieldError,
    InvalidParams,
    OrchestratorError,
    OutcomeUnknown,
    Overloaded,
    RequestError,
)
from orchestrator.domain.lane import pool_lane
from orchestrator.domain.media_input import GivenInput
from orchestrator.domain.project import Project
from orchestrator.domain.task import NewTask
from orchestrator.pipelines.pipeline import Pipeline
from orchestrator.pipelines.submission import BatchRequest, DraftTask, InputPin, SubmitRequest
from orchestrator.ports.intake import Intake, Receipt
from orchestrator.ports.pulses import PulseSender
from orchestrator.telemetry import IntakeMetrics

INPUTS_AT_ONCE = 16
Flaws = Mapping[int, RequestError | Overloaded]


@dataclass(frozen=True, slots=True)
class SubmitBatch:
    """Looks at every task before it says no, so that one answer names all that has to change."""

    intake: Intake
    drafts: DraftTask
    pulses: PulseSender
    metrics: IntakeMetrics

    def submit(self, batch: BatchRequest, *, describe: Callable[[Sequence[str]], str]) -> Receipt:
        """Record the tasks and ring their lanes. A batch seen before with its key gets its first answer.

        ``describe`` puts the answer into words, from the ids of the tasks in order.

        Raises:
            BatchInvalid: some of the requests are at fault; it names each of them.
            BatchRefused: some cannot be accepted now; it names each of them.
            IdempotencyConflict: the key was used for something else.
            Overloaded, Unavailable: nothing was recorded; try again.
            OutcomeUnknown: it names the first task; all of them are recorded or none.
        """
        try:
            receipt = self._earlier(batch) or self._record(batch, describe)
        except OrchestratorError as error:
            self._count(batch, error.code)
            raise
        self._count(batch, "replayed" if receipt.replayed else "recorded")
        return receipt

    def _earlier(self, batch: BatchRequest) -> Receipt | None:
        if batch.idempotency_key is None:
            return None
        return self.intake.replay(batch.project.slug, batch.idempotency_key, request_sha256=batch.sha256)

    def _record(self, batch: BatchRequest, describe: Callable[[Sequence[str]], str]) -> Receipt:
        tasks = self._drafted(batch.requests)
        answer = describe([task.id for task in tasks])
        new = NewBatch(batch.project.slug, tasks, batch.sha256, batch.idempotency_key, answer)
        try:
            receipt = self.intake.submit_batch(new)
        except OutcomeUnknown as error:
            message, service, category = str(error), error.service, error.category
            raise OutcomeUnknown(message, service=service, category=category, task_id=tasks[0].id) from error
        if not receipt.replayed:
            for lane in {pool_lane(task.lane, batch.project.pool) for task in tasks}:
                self.pulses.ring(lane)
        return receipt

    def _drafted(self, requests: Sequence[SubmitRequest]) -> tuple[NewTask, ...]:
        """Inputs are looked at side by side, and one that several tasks share only once."""
        drafts = replace(self.drafts, pin_input=_once(self.drafts.pin_input))
        with ThreadPoolExecutor(INPUTS_AT_ONCE) as pool:
            each = pool.map if any(request.input for request in requests) else map
            found = list(each(lambda request: _try(drafts, replace(request, idempotency_key=None)), requests))
        flaws = {index: task for index, task in enumerate(found) if not isinstance(task, NewTask)}
        if any(isinstance(flaw, RequestError) for flaw in flaws.values()):
            raise BatchInvalid(fields=list(_fields(flaws)))
        if flaws:
            raise BatchRefused(fields=list(_fields(flaws)), retry_after_s=_latest_s(flaws))
        return tuple(_in_order([task for task in found if isinstance(task, NewTask)]))

    def _count(self, batch: BatchRequest, answer: str) -> None:
        for request in batch.requests:
            self.metrics.count_submit(batch.project.slug, request.known_type, answer=answer)


def _in_order(tasks: Sequence[NewTask]) -> Iterator[NewTask]:
    """Equal ranks go by id, and those made in one millisecond come in any order."""
    for task, task_id in zip(tasks, sorted(task.id for task in tasks), strict=True):
        yield replace(task, id=task_id)


def _once(pin: InputPin) -> InputPin:
    @cache
    def pinned(project: Project, given: GivenInput | None, *, pipeline: Pipeline) -> dict[str, Any]:
        return pin(project, given, pipeline=pipeline)

    return lambda project, given, *, pipeline: pinned(project, given, pipeline=pipeline)


def _try(drafts: DraftTask, request: SubmitRequest) -> NewTask | RequestError | Overloaded:
    try:
        return drafts.draft(request)
    except (RequestError, Overloaded) as error:
        return error


def _fields(flaws: Flaws) -> Iterator[FieldError]:
    for index, flaw in flaws.items():
        fields = flaw.fields if isinstance(flaw, InvalidParams) else ()
        for field in fields or [FieldError("", str(flaw))]:
            yield FieldError(f"tasks.{index}.{field.field}".rstrip("."), field.message, flaw.code)


def _latest_s(flaws: Flaws) -> float:
    return max(flaw.retry_after_s for flaw in flaws.values() if isinstance(flaw, Overloaded))
