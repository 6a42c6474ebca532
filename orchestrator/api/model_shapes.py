"""What clients see of models."""

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from orchestrator.api.times import Time, time_or_none
from orchestrator.domain.model import Instance, ResidentState
from orchestrator.pipelines.registry import PIPELINES
from orchestrator.ports.model_figures import Figures
from orchestrator.services.models.show_models import KnownModel, KnownRelease, Seat

EXAMPLE: dict[str, JsonValue] = {
    "name": "realesrgan_x4",
    "state": "ready",
    "task_types": ["image.upscale"],
    "wanted_since": None,
    "releases": [
        {
            "name": "realesrgan_x4",
            "weight": 100,
            "residents": [
                {
                    "instance": "triton:8001",
                    "state": "ready",
                    "version": "1",
                    "since": "2026-11-23T00:21:12.041Z",
                    "used_at": "2026-11-23T01:02:03.004Z",
                    "memory_bytes": 393216000,
                    "pinned": False,
                    "runs": 3,
                    "error": None,
                    "requests": {
                        "succeeded": 4711,
                        "failed": 2,
                        "rejected": 0,
                        "pending": 6,
                        "error_rate": 0.00042,
                        "mean_latency_s": 0.412,
                        "mean_queue_s": 0.204,
                        "mean_batch": 1.9,
                    },
                }
            ],
        }
    ],
}


class RequestsView(BaseModel):
    """What Triton counts since it began; `pending` is now. Means are null before the first request."""

    succeeded: int
    failed: int
    rejected: int = Field(description="Its queue was full, or they waited there too long.")
    pending: int
    error_rate: float | None = Field(description="Failed ones, of those that were not rejected.")
    mean_latency_s: float | None
    mean_queue_s: float | None
    mean_batch: float | None = Field(description="Inferences in one execution.")


class ResidentView(BaseModel):
    """A release on one instance of Triton."""

    instance: str
    state: ResidentState
    version: str | None = Field(description="Triton's, once it has been loaded.")
    since: Time | None = Field(description="When it came to this state.")
    used_at: Time | None
    memory_bytes: int | None = Field(description="What it was measured to take; null before that.")
    pinned: bool = Field(description="No want of memory evicts it.")
    runs: int = Field(description="Runs that use it now: it is not unloaded under them.")
    error: str | None
    requests: RequestsView | None = Field(description="Null when the instance shows no counters.")


class ReleaseView(BaseModel):
    """A release: `<model>@<version>`, or the model's own folder of the repository."""

    name: str
    weight: int = Field(description="Its share of the runs that begin, of all weights of the model.")
    residents: list[ResidentView]


class ModelView(BaseModel):
    """A model. It is as ready as the readiest of its releases that has a weight."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    name: str
    state: ResidentState
    task_types: list[str] = Field(description="Types that ask for it by themselves.")
    wanted_since: Time | None = Field(description="Since when somebody waits for it.")
    releases: list[ReleaseView]


class InstanceView(BaseModel):
    """A Triton server as its owner sees it. One that is not `well` is not asked."""

    address: str
    well: bool
    reason: str | None
    budget_bytes: int | None = Field(description="What models may take altogether; null when nobody has limited it.")
    used_bytes: int
    total_bytes: int
    pools_bytes: dict[str, int] = Field(
        description="What Triton has set aside for itself: `pinned_pool`, `cuda_pool` of all GPUs, `response_cache`; "
        "empty where no warden tells."
    )
    leaks: int = Field(description="Unloads after which the memory did not come back.")
    restarts: int
    seen_at: Time | None


class ModelList(BaseModel):
    """Every model, and every instance of Triton."""

    items: list[ModelView]
    instances: list[InstanceView]


READIEST = tuple(ResidentState[name] for name in ("READY", "LOADING", "CLOSING", "UNLOADING", "FAILED", "UNLOADED"))


def render_model(model: KnownModel) -> ModelView:
    routed = [seat.resident.state for release in model.releases if release.weight for seat in release.seats]
    return ModelView(
        name=model.name,
        state=min(routed, key=READIEST.index, default=ResidentState.UNLOADED),
        task_types=sorted(name for name, pipeline in PIPELINES.items() if pipeline.model == model.name),
        wanted_since=time_or_none(model.wanted_ms or None),
        releases=[_render_release(release) for release in model.releases],
    )


def render_instance(instance: Instance) -> InstanceView:
    return InstanceView(
        address=instance.address,
        well=instance.is_well,
        reason=instance.reason or None,
        budget_bytes=instance.budget_bytes,
        used_bytes=instance.used_bytes,
        total_bytes=instance.total_bytes,
        pools_bytes=dict(instance.pools),
        leaks=instance.leaks,
        restarts=instance.restarts,
        seen_at=time_or_none(instance.seen_ms or None),
    )


def _render_release(release: KnownRelease) -> ReleaseView:
    residents = [_render_seat(seat) for seat in release.seats]
    return ReleaseView(name=release.release.name, weight=release.weight, residents=residents)


def _render_seat(seat: Seat) -> ResidentView:
    resident = seat.resident
    return ResidentView(
        instance=seat.instance,
        state=resident.state,
        version=resident.version or None,
        since=time_or_none(resident.since_ms or None),
        used_at=time_or_none(resident.used_ms or None),
        memory_bytes=resident.bytes or None,
        pinned=resident.is_kept,
        runs=resident.pins,
        error=resident.error or None,
        requests=_render_figures(seat.figures) if seat.figures else None,
    )


def _render_figures(figures: Figures) -> RequestsView:
    ended = figures.succeeded + figures.failed
    return RequestsView(
        succeeded=int(figures.succeeded),
        failed=int(figures.failed),
        rejected=int(figures.rejected),
        pending=int(figures.pending),
        error_rate=_mean(figures.failed, ended),
        mean_latency_s=_mean(figures.request_s, figures.succeeded),
        mean_queue_s=_mean(figures.queue_s, figures.succeeded),
        mean_batch=_mean(figures.inferences, figures.executions),
    )


def _mean(total: float, of: float) -> float | None:
    return round(total / of, 6) if of else None
