"""What clients send to swap a model's release, and what they see of it."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from orchestrator.api.bodies import Request
from orchestrator.api.times import Time, time_of
from orchestrator.domain.swap import ALL, Fault, Step
from orchestrator.ports.swaps import AuditLine, Standing

A_DAY_S = 86_400

LINE: dict[str, JsonValue] = {
    "at": "2026-11-23T00:21:12.041Z",
    "swap": "swap_01m82wee72bfd54k32vk1sb59e",
    "old": "realesrgan_x4",
    "new": "realesrgan_x4@2",
    "step": "rolling_back",
    "by": "keeper",
    "reason": "sample.png: psnr is 21.4, >= 40 is expected",
    "fault": "wrong_output",
    "figures": {"sample.png psnr": 21.4},
}


class SwapBody(Request):
    """The release that is to serve."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"version": 2, "canary": 10, "watch_s": 60}]})

    version: Annotated[int, Field(strict=True, ge=0, le=10**9)] = Field(
        description="Of the release; 0 is the model's own folder in the repository."
    )
    canary: Annotated[int, Field(strict=True, ge=1, le=ALL)] = Field(
        ALL, description="Its share of the runs that begin, in percent, until it was watched."
    )
    watch_s: Annotated[float, Field(strict=True, ge=0, le=A_DAY_S)] | None = Field(
        None, description="How long it is watched with its share, and again with everything; as configured when absent."
    )


class SwapView(BaseModel):
    """A swap. `fault` and `reason` say why it was refused or rolled back, `figures` what was measured on the way."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "swap_01m82wee72bfd54k32vk1sb59e",
                    "model": "realesrgan_x4",
                    "old": "realesrgan_x4",
                    "new": "realesrgan_x4@2",
                    "step": "shifting",
                    "over": False,
                    "canary": 10,
                    "watch_s": 60.0,
                    "by": "key_01m82wee72bfd54k32vk1sb59e",
                    "since": "2026-11-23T00:21:12.041Z",
                    "weights": {"realesrgan_x4": 90, "realesrgan_x4@2": 10},
                    "fault": None,
                    "reason": None,
                    "figures": {"sample.png psnr": 47.1, "new ms": 212.0, "old ms": 208.5},
                }
            ]
        }
    )

    id: str
    model: str
    old: str
    new: str
    step: Step
    over: bool = Field(description="Nothing more is done.")
    canary: int
    watch_s: float
    by: str = Field(description="The id of an API key.")
    since: Time = Field(description="When it came to this step.")
    weights: dict[str, int] = Field(description="The share of each release of the runs that begin now.")
    fault: Fault | None
    reason: str | None
    figures: dict[str, float]


class AuditView(BaseModel):
    """One thing that was done. `by` is the id of an API key, or `keeper`."""

    model_config = ConfigDict(json_schema_extra={"examples": [LINE]})

    at: Time
    swap: str
    old: str
    new: str
    step: Step
    by: str
    reason: str | None
    fault: Fault | None
    figures: dict[str, float]


class AuditList(BaseModel):
    """The latest first."""

    items: list[AuditView]


def render_swap(standing: Standing) -> SwapView:
    swap = standing.swap
    return SwapView(
        id=swap.id,
        model=swap.model,
        old=swap.old,
        new=swap.new,
        step=swap.step,
        over=swap.is_over,
        canary=swap.canary,
        watch_s=swap.watch_s,
        by=swap.by,
        since=time_of(standing.since_ms),
        weights=dict(swap.weights()),
        fault=swap.fault,
        reason=swap.reason or None,
        figures=dict(swap.figures),
    )


def render_line(line: AuditLine) -> AuditView:
    return AuditView(
        at=time_of(line.at_ms),
        swap=line.swap_id,
        old=line.old,
        new=line.new,
        step=line.step,
        by=line.by,
        reason=line.reason or None,
        fault=line.fault,
        figures=dict(line.figures),
    )
