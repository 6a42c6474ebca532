"""Submit: from what a client sent to a recorded task whose lane has been rung."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from orchestrator.domain.errors import OrchestratorError, OutcomeUnknown
from orchestrator.domain.task import NewTask, Status, Task
from orchestrator.pipelines.submission import DraftTask, SubmitRequest
from orchestrator.ports.intake import Intake, Receipt
from orchestrator.ports.pulses import PulseSender
from orchestrator.telemetry import IntakeMetrics


def _nothing(_task: Task) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class SubmitTask:
    """Checks everything that can be checked before the task costs anything, then records it."""

    intake: Intake
    drafts: DraftTask
    pulses: PulseSender
    metrics: IntakeMetrics

    def submit(self, request: SubmitRequest, *, describe: Callable[[Task], str] = _nothing) -> Receipt:
        """Record the task and ring its lane. A request seen before with its key gets its first answer.

        ``describe`` puts the answer into words, all but the time of the submit: they are recorded with the task, so
        that a repeat gets the same.

        Raises:
            IdempotencyConflict, and what `DraftTask` raises: the request is at fault.
            Overloaded, Unavailable: nothing was recorded; try again.
            OutcomeUnknown: it names the task that may or may not be recorded.
        """
        try:
            receipt = self._earlier(request) or self._record(self._draft(request, describe))
        except OrchestratorError as error:
            self._count(request, error.code)
            raise
        self._count(request, _word_for(receipt))
        if receipt.task and not receipt.replayed and not receipt.task.follows:
            self.pulses.ring(receipt.task.waits_in)
        return receipt if receipt.answer or not receipt.task else replace(receipt, answer=describe(receipt.task))

    def _draft(self, request: SubmitRequest, describe: Callable[[Task], str]) -> NewTask:
        task = self.drafts.draft(request)
        if task.idempotency_key is None:
            return task
        return replace(task, answer=describe(_as_recorded(task, pool=request.project.pool)))

    def _earlier(self, request: SubmitRequest) -> Receipt | None:
        """Comes before any other check: a repeat is answered even when its input has been deleted since."""
        if request.idempotency_key is None:
            return None
        return self.intake.replay(request.project.slug, request.idempotency_key, request_sha256=request.sha256)

    def _record(self, task: NewTask) -> Receipt:
        try:
            return self.intake.submit(task)
        except OutcomeUnknown as error:
            message, service, category = str(error), error.service, error.category
            raise OutcomeUnknown(message, service=service, category=category, task_id=task.id) from error

    def _count(self, request: SubmitRequest, answer: str) -> None:
        self.metrics.count_submit(request.project.slug, request.known_type, answer=answer)


def _word_for(receipt: Receipt) -> str:
    if receipt.replayed:
        return "replayed"
    return "followed" if receipt.task and receipt.task.follows else "recorded"


def _as_recorded(task: NewTask, *, pool: str | None) -> Task:
    """The record that there will be, at a time that the store will say."""
    return Task(
        id=task.id,
        project=task.project,
        type=task.type,
        lane=task.lane,
        pool=pool,
        model=task.model,
        status=Status.QUEUED,
        priority=task.priority,
        generation=1,
        epoch=0,
        input=task.input,
        params=task.params,
        labels=task.labels,
        created_at_ms=0,
        updated_at_ms=0,
        predicted_s=task.predicted_s,
        expires_at_ms=task.expires_at_ms,
    )
