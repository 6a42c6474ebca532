"""`SubmitTask` where the store of records gives answers that are hard to get from a real one."""

from dataclasses import dataclass

import pytest
from fakes_storage import MemoryStorage

from orchestrator.domain.batch import NewBatch
from orchestrator.domain.cost import Cost
from orchestrator.domain.errors import (
    Category,
    InvalidParams,
    MediaTooLarge,
    OrchestratorError,
    OutcomeUnknown,
    UnknownTaskType,
    UnsupportedMedia,
)
from orchestrator.domain.from_stage import FromStage
from orchestrator.domain.media import MediaLimits
from orchestrator.domain.media_input import GivenInput
from orchestrator.domain.project import Project
from orchestrator.domain.task import JsonObject, NewTask, Priority, Task
from orchestrator.pipelines.submission import BatchRequest, DraftTask, SubmitRequest
from orchestrator.ports.forecast import Outlook, Place
from orchestrator.ports.intake import Receipt
from orchestrator.services.tasks.pin_input import PinInput
from orchestrator.services.tasks.submit import SubmitTask
from orchestrator.services.tasks.submit_batch import SubmitBatch
from orchestrator.telemetry import IntakeMetrics, build_intake_metrics

FILM = Project("film-a")
STILL = "projects/film-a/uploads/u/still.png"
KEY = GivenInput(object="k")


@dataclass
class LostAnswer:
    """An `Intake` whose answer to a submit never arrives."""

    def submit(self, task: NewTask) -> Receipt:
        raise OutcomeUnknown(f"no answer about {task.type}", service="redis", category=Category.NETWORK)

    def submit_batch(self, batch: NewBatch) -> Receipt:
        raise OutcomeUnknown(f"no answer about {batch.project}", service="redis", category=Category.NETWORK)

    def replay(self, project: str, idempotency_key: str, *, request_sha256: str) -> Receipt | None:
        raise NotImplementedError

    def cancel(self, project: str, task_id: str) -> Task:
        raise NotImplementedError

    def change(
        self,
        project: str,
        task_id: str,
        *,
        priority: Priority | None = None,
        labels: JsonObject | None = None,
        expires_at_ms: int | None = None,
    ) -> Task:
        raise NotImplementedError

    def delete(self, project: str, task_id: str) -> None:
        raise NotImplementedError

    def resubmit(self, project: str, task_id: str, *, generation: int, from_stage: FromStage | None = None) -> Task:
        raise NotImplementedError


class NoLog:
    """An upload log of a test that uploads nothing."""

    def reserve(self, key: str, *, size_bytes: int, ends_in_s: float) -> None:
        pytest.fail(f"{key} was offered: {size_bytes}, {ends_in_s}")

    reserve_for_task = reserve

    def give_back(self, key: str) -> None:
        pytest.fail(f"{key} was offered")


def new_id(kind: str) -> str:
    return f"{kind}_1"


class NoRuns:
    """A `Forecast` of a node on which nothing has run."""

    def cost(self, lane: str, kind: str, *, prior_s: float) -> Cost:  # noqa: ARG002 - the port's own names
        return Cost(prior_s)

    def place(self, task: Task) -> Place | None:
        pytest.fail(f"{task.id} does not wait anywhere")

    def outlook(self, task: NewTask) -> Outlook:
        pytest.fail(f"nobody asks what becomes of {task.id}")


class Silence:
    """A bell that must not be rung."""

    def ring(self, lane: str) -> None:
        pytest.fail(f"{lane} was rung for a task that may not exist")


@pytest.fixture
def metrics() -> IntakeMetrics:
    return build_intake_metrics()


@pytest.fixture
def service(metrics: IntakeMetrics) -> SubmitTask:
    storage = MemoryStorage({STILL: (b"12345", "image/png")})
    pin = PinInput(storage, NoLog(), new_id, MediaLimits(picture_bytes=4)).pin
    return SubmitTask(LostAnswer(), DraftTask(pin, NoRuns(), new_id), Silence(), metrics)


def counted(metrics: IntakeMetrics, task_type: str, *, answer: str) -> float | None:
    labels = {"project": FILM.slug, "type": task_type, "answer": answer}
    return metrics.registry.get_sample_value("orchestrator_submits_total", labels)


def test_a_lost_answer_names_the_task_that_may_exist(service: SubmitTask, metrics: IntakeMetrics) -> None:
    with pytest.raises(OutcomeUnknown) as lost:
        service.submit(SubmitRequest(FILM, "system.echo"))
    assert lost.value.task_id == "task_1"
    assert counted(metrics, "system.echo", answer="outcome_unknown") == 1


def test_so_does_that_to_a_batch(service: SubmitTask, metrics: IntakeMetrics) -> None:
    batches = SubmitBatch(service.intake, service.drafts, service.pulses, metrics)
    with pytest.raises(OutcomeUnknown) as lost:
        batches.submit(BatchRequest(FILM, (SubmitRequest(FILM, "system.echo"),) * 2), describe=" ".join)
    assert lost.value.task_id == "task_1"
    assert counted(metrics, "system.echo", answer="outcome_unknown") == 2


def test_an_input_over_the_limit_is_refused_before_it_is_recorded(service: SubmitTask) -> None:
    with pytest.raises(MediaTooLarge, match="5 bytes; at most 4"):
        service.submit(SubmitRequest(FILM, "image.upscale", GivenInput(object=STILL)))


def draft(*, knows: bool | None, params: JsonObject, given: GivenInput | None = None, dedupe: bool = False) -> NewTask:
    pin = PinInput(MemoryStorage(), NoLog(), new_id).pin
    drafts = DraftTask(pin, NoRuns(), new_id, knows=lambda _model: knows)
    return drafts.draft(SubmitRequest(FILM, "model.infer", given, params, dedupe=dedupe))


TENSORS = {"a": {"shape": [2], "datatype": "FP32", "data": [1, 2.5]}}


@pytest.mark.parametrize("knows", [True, None])
def test_a_task_has_the_model_that_its_params_name(knows: bool | None) -> None:  # noqa: FBT001 - a parameter of pytest
    task = draft(knows=knows, params={"model": "basic_pitch@3", "tensors": TENSORS})
    assert (task.model, task.lane, task.input) == ("basic_pitch@3", "image", {})
    assert task.params["tensors"]["a"]["data"] == [1, 2.5]


def test_an_unknown_model_is_refused() -> None:
    with pytest.raises(InvalidParams) as refused:
        draft(knows=False, params={"model": "basic_peach", "tensors": TENSORS})
    assert [flaw.field for flaw in refused.value.fields] == ["params.model"]


def test_without_tensors_of_its_own_it_needs_an_input() -> None:
    with pytest.raises(InvalidParams, match="picture or tensors"):
        draft(knows=True, params={"model": "basic_pitch"})
    with pytest.raises(UnsupportedMedia, match="npz, npy, json"):
        draft(knows=True, params={"model": "basic_pitch"}, given=GivenInput(content=b"GIF89a"))


def test_the_same_tensors_for_the_same_model_are_the_same_work() -> None:
    same, other = ({"model": model, "tensors": TENSORS} for model in ("basic_pitch", "basic_pitch@3"))
    tasks = [draft(knows=True, params=params, dedupe=True) for params in (same, same, other)]
    assert tasks[0].content == tasks[1].content != tasks[2].content


def test_invented_types_make_no_new_series(service: SubmitTask, metrics: IntakeMetrics) -> None:
    for name in ("a", "b"):
        with pytest.raises(UnknownTaskType):
            service.submit(SubmitRequest(FILM, name))
    assert counted(metrics, "unknown", answer="unknown_task_type") == 2
    assert counted(metrics, "a", answer="unknown_task_type") is None


@pytest.mark.parametrize(
    "other",
    [
        SubmitRequest(FILM, "image.upscale", KEY, {"scale": 2}),
        SubmitRequest(FILM, "system.echo", None, {"scale": 2}),
        SubmitRequest(FILM, "system.echo", GivenInput(url="https://a.example/k"), {"scale": 2}),
        SubmitRequest(FILM, "system.echo", GivenInput(content=b"k"), {"scale": 2}),
        SubmitRequest(FILM, "system.echo", GivenInput(object="k", sha256="0" * 64), {"scale": 2}),
        SubmitRequest(FILM, "system.echo", KEY, {"scale": 4}),
        SubmitRequest(FILM, "system.echo", KEY, {"scale": 2}, {"shot": "1"}),
        SubmitRequest(FILM, "system.echo", KEY, {"scale": 2}, priority=Priority.HIGH),
        SubmitRequest(FILM, "system.echo", KEY, {"scale": 2}, start_by_s=1),
        SubmitRequest(FILM, "system.echo", KEY, {"scale": 2}, run_for_s=1),
        SubmitRequest(FILM, "system.echo", KEY, {"scale": 2}, dedupe=True),
    ],
)
def test_whatever_is_asked_for_is_in_the_fingerprint(other: SubmitRequest) -> None:
    assert other.sha256 != SubmitRequest(FILM, "system.echo", KEY, {"scale": 2}).sha256


def test_the_order_of_names_and_the_key_are_not() -> None:
    one = SubmitRequest(FILM, "system.echo", params={"a": 1, "b": 2}, idempotency_key="k-1")
    other = SubmitRequest(FILM, "system.echo", params={"b": 2, "a": 1}, idempotency_key="k-2")
    assert one.sha256 == other.sha256


def test_every_refusal_is_counted_by_its_code(service: SubmitTask, metrics: IntakeMetrics) -> None:
    with pytest.raises(OrchestratorError):
        service.submit(SubmitRequest(FILM, "image.upscale", GivenInput(object="elsewhere.png")))
    assert counted(metrics, "image.upscale", answer="invalid_params") == 1
