"""What a client asks for when it submits, and the task that becomes of it. Nothing is recorded here."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from pydantic import ValidationError

from orchestrator.domain.cost import Cost, kind_of
from orchestrator.domain.errors import FieldError, InvalidParams
from orchestrator.domain.lane import pool_lane
from orchestrator.domain.media_input import GivenInput
from orchestrator.domain.project import Project
from orchestrator.domain.task import JsonObject, NewTask, Priority
from orchestrator.domain.web_address import PUBLIC_HTTPS, Reach
from orchestrator.domain.webhook import GivenReceiver, parse_receiver
from orchestrator.pipelines.pipeline import Params, Pipeline
from orchestrator.pipelines.registry import PIPELINES, find_pipeline
from orchestrator.ports.forecast import Forecast


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
    dedupe: bool = False
    expires_at_ms: int | None = None
    webhook: GivenReceiver | None = None

    @property
    def known_type(self) -> str:
        """For metrics. Strangers choose the name: only those of the registry may become a series."""
        return self.type if self.type in PIPELINES else "unknown"

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
            *(["dedupe"] if self.dedupe else []),
            *([self.expires_at_ms] if self.expires_at_ms is not None else []),
            *([{"webhook": self.webhook.fingerprint}] if self.webhook else []),
        )
        return _sha256(asked)


def _sha256(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class BatchRequest:
    """Requests of one project that stand and fall together; the key is that of them all."""

    project: Project
    requests: tuple[SubmitRequest, ...]
    idempotency_key: str | None = None

    @property
    def sha256(self) -> str:
        return hashlib.sha256(" ".join(request.sha256 for request in self.requests).encode()).hexdigest()


def _nobody_can_say(_model: str) -> None:
    return None


class InputPin(Protocol):
    """What becomes of a named input (`services/tasks/pin_input.py`)."""

    def __call__(self, project: Project, given: GivenInput | None, *, pipeline: Pipeline) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class DraftTask:
    """Checks everything that can be checked before a task costs anything. ``webhooks`` is where messages may go.

    ``knows`` says whether there is a model, None when nobody can say.
    """

    pin_input: InputPin
    forecast: Forecast
    new_id: Callable[[str], str]
    webhooks: Reach = PUBLIC_HTTPS
    knows: Callable[[str], bool | None] = _nobody_can_say

    def draft(self, request: SubmitRequest) -> NewTask:
        """The task, ready to be recorded.

        Raises:
            what `draft_with_cost` does.
        """
        return self.draft_with_cost(request)[0]

    def draft_with_cost(self, request: SubmitRequest) -> tuple[NewTask, Cost]:
        """The task, and what is known of its cost.

        Raises:
            UnknownTaskType, InvalidParams, and what `PinInput` raises: the request is at fault.
            Unavailable: the storage, or the store of records, cannot be asked.
        """
        pipeline = find_pipeline(request.type)
        params = _validated(pipeline, request.params)
        model = params.asked_model or pipeline.model
        self._require_known(params.asked_model)
        receiver = parse_receiver(request.webhook, reach=self.webhooks, at="webhook.") if request.webhook else None
        content = _content(request, pipeline, params=params) if request.dedupe else ""
        source = self._source(request, pipeline, params=params)
        lane = pool_lane(pipeline.lane, request.project.pool)  # a pool may have machines of its own kind
        cost = self.forecast.cost(lane, kind_of(pipeline.name, model, source=source), prior_s=pipeline.predicted_s)
        task = NewTask(
            id=self.new_id("task"),
            project=request.project.slug,
            type=pipeline.name,
            lane=pipeline.lane,
            model=model,
            params=params.model_dump(mode="json"),
            input=source,
            labels=request.labels,
            priority=request.priority,
            predicted_s=cost.predicted_s,
            request_sha256=request.sha256,
            idempotency_key=request.idempotency_key,
            start_by_s=request.start_by_s,
            expires_at_ms=request.expires_at_ms,
            run_for_s=request.run_for_s,
            content=content,
            webhook=receiver.record if receiver else None,
        )
        return task, cost

    def _require_known(self, model: str) -> None:
        if model and self.knows(model) is False:
            flaw = FieldError("params.model", f"there is no model {model!r}; GET /v1/models lists them")
            raise InvalidParams("this node has no such model", fields=[flaw])

    def _source(self, request: SubmitRequest, pipeline: Pipeline, *, params: Params) -> dict[str, Any]:
        if request.input is None and not params.needs_input:
            return {}
        return self.pin_input(request.project, request.input, pipeline=pipeline)


def words_of(flaw: str) -> str:
    """What pydantic says of a flaw, without its prefix when a validator of ours has found it."""
    return flaw.removeprefix("Value error, ")


def _content(request: SubmitRequest, pipeline: Pipeline, *, params: Params) -> str:
    """Equal exactly for tasks of which one run does the work of all (ADR 0031); the store tells projects apart."""
    sha256 = request.input.known_sha256 if request.input else None
    if sha256 is None and pipeline.accepts and (request.input or params.needs_input):
        flaw = FieldError("input.sha256", "dedupe needs it")
        raise InvalidParams("without input.sha256 nobody can tell which content it is", fields=[flaw])
    model = params.asked_model or pipeline.model
    return _sha256((pipeline.name, model, params.model_dump(mode="json"), sha256, request.run_for_s))


def _validated(pipeline: Pipeline, params: JsonObject) -> Params:
    """The parameters with every default filled in, so that a task means the same after an upgrade."""
    try:
        return pipeline.params.model_validate(params)
    except ValidationError as error:
        fields = [
            FieldError(field=".".join(("params", *map(str, flaw["loc"]))), message=words_of(flaw["msg"]))
            for flaw in error.errors(include_url=False, include_context=False, include_input=False)
        ]
        raise InvalidParams(f"the parameters do not fit {pipeline.name}", fields=fields) from error
