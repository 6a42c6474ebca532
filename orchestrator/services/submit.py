"""Submit: from what a client sent to a recorded task whose lane has been rung."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from pydantic import ValidationError

from orchestrator.domain.errors import FieldError, InvalidParams, OrchestratorError, OutcomeUnknown
from orchestrator.domain.media_input import GivenInput
from orchestrator.domain.project import Project
from orchestrator.domain.task import JsonObject, NewTask, Priority
from orchestrator.pipelines.pipeline import Pipeline
from orchestrator.pipelines.registry import PIPELINES, find_pipeline
from orchestrator.ports.intake import Intake, Receipt
from orchestrator.ports.pulses import PulseSender
from orchestrator.telemetry import IntakeMetrics


@dataclass(frozen=True, slots=True)
class SubmitRequest:
    """What the client sent, checked for shape only."""

    project: Project
    type: str
    input: GivenInput | None = None
    params: JsonObject = field(default_factory=dict)
    labels: JsonObject = field(default_factory=dict)
    priority: Priority = Priority.NORMAL
    idempotency_key: str | None = None
    start_by_s: float | None = None
    run_for_s: float | None = None

    @property
    def sha256(self) -> str:
        """Equal exactly for requests that ask for the same thing; the key itself is no part of it."""
        asked = (
            self.type,
            None if self.input is None else self.input.fingerprint,
            self.params,
            self.labels,
            self.priority,
            self.start_by_s,
            self.run_for_s,
        )
        return hashlib.sha256(json.dumps(asked, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


class InputPin(Protocol):
    """What becomes of a named input (`services/pin_input.py`)."""

    def __call__(self, project: Project, given: GivenInput | None, *, pipeline: Pipeline) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class SubmitTask:
    """Checks everything that can be checked before the task costs anything, then records it."""

    intake: Intake
    pin_input: InputPin
    pulses: PulseSender
    new_id: Callable[[str], str]
    metrics: IntakeMetrics

    def submit(self, request: SubmitRequest) -> Receipt:
        """Record the task and ring its lane. A request seen before with its key gets its first answer.

        Raises:
            UnknownTaskType, InvalidParams, IdempotencyConflict, and what `PinInput` raises: the request is at fault.
            Overloaded, Unavailable: nothing was recorded; try again.
            OutcomeUnknown: it names the task that may or may not be recorded.
        """
        try:
            receipt = self._earlier(request) or self._record(self._new_task(request))
        except OrchestratorError as error:
            self._count(request, error.code)
            raise
        self._count(request, "replayed" if receipt.replayed else "recorded")
        if not receipt.replayed:
            self.pulses.ring(receipt.task.lane)
        return receipt

    def _earlier(self, request: SubmitRequest) -> Receipt | None:
        """Comes before any other check: a repeat is answered even when its input has been deleted since."""
        if request.idempotency_key is None:
            return None
        return self.intake.replay(request.project.slug, request.idempotency_key, request_sha256=request.sha256)

    def _new_task(self, request: SubmitRequest) -> NewTask:
        pipeline = find_pipeline(request.type)
        return NewTask(
            id=self.new_id("task"),
            project=request.project.slug,
            type=pipeline.name,
            lane=pipeline.lane,
            model=pipeline.model,
            params=_validated(pipeline, request.params),
            input=self.pin_input(request.project, request.input, pipeline=pipeline),
            labels=request.labels,
            priority=request.priority,
            predicted_s=pipeline.predicted_s,
            request_sha256=request.sha256,
            idempotency_key=request.idempotency_key,
            start_by_s=request.start_by_s,
            run_for_s=request.run_for_s,
        )

    def _record(self, task: NewTask) -> Receipt:
        try:
            return self.intake.submit(task)
        except OutcomeUnknown as error:
            message, service, category = str(error), error.service, error.category
            raise OutcomeUnknown(message, service=service, category=category, task_id=task.id) from error

    def _count(self, request: SubmitRequest, answer: str) -> None:
        # Strangers choose the name: only those of the registry may become a series.
        task_type = request.type if request.type in PIPELINES else "unknown"
        self.metrics.count_submit(request.project.slug, task_type, answer=answer)


def _validated(pipeline: Pipeline, params: JsonObject) -> dict[str, Any]:
    """The parameters with every default filled in, so that a task means the same after an upgrade."""
    try:
        return pipeline.params.model_validate(params).model_dump(mode="json")
    except ValidationError as error:
        fields = [
            FieldError(field=".".join(("params", *map(str, flaw["loc"]))), message=flaw["msg"])
            for flaw in error.errors(include_url=False, include_context=False, include_input=False)
        ]
        raise InvalidParams(f"the parameters do not fit {pipeline.name}", fields=fields) from error
