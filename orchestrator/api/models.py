"""`/v1/models`: what Triton holds, and what an operator wants it to hold. Owners act on it (ADR 0045)."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import ConfigDict, Field

from orchestrator.api.bodies import Request
from orchestrator.api.deps import ModelAdmin, Parts
from orchestrator.api.model_shapes import ModelList, ModelView, render_instance, render_model
from orchestrator.api.problems import AUTHENTICATED, OF_ONE_THING, WITH_BODY, problem_docs
from orchestrator.domain.model import MODEL_NAME, MODEL_OR_RELEASE, Release

router = APIRouter(prefix="/v1/models", tags=["models"])

ModelName = Annotated[str, Path(pattern=f"^{MODEL_NAME}$", examples=["realesrgan_x4"])]
ModelOrRelease = Annotated[str, Path(pattern=f"^{MODEL_OR_RELEASE}$", examples=["realesrgan_x4@2"])]


class PinBody(Request):
    """Whether no want of memory may evict it."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"pinned": True}]})

    pinned: bool = Field(default=True, strict=True)


@router.get("", responses=problem_docs(AUTHENTICATED))
def list_models(_: ModelAdmin, parts: Parts) -> ModelList:
    """Every model: its releases with their weights, where each is, what it takes, who waits, how it does."""
    return ModelList(
        items=[render_model(model) for model in parts.models.show.show()],
        instances=[render_instance(instance) for instance in parts.models.residency.instances()],
    )


@router.get("/{model}", responses=problem_docs(OF_ONE_THING))
def get_model(_: ModelAdmin, model: ModelName, parts: Parts) -> ModelView:
    """One model."""
    return render_model(parts.models.show.find(model))


@router.post("/{name}:load", status_code=HTTPStatus.ACCEPTED, responses=problem_docs(OF_ONE_THING))
def load_model(caller: ModelAdmin, name: ModelOrRelease, parts: Parts) -> ModelView:
    """Ask for it to be loaded. Others may have to go first; look again until its state is `ready`."""
    parts.models.ask.ask("load", name, by=caller.key_id)
    return _show(name, parts)


@router.post("/{name}:unload", status_code=HTTPStatus.ACCEPTED, responses=problem_docs(OF_ONE_THING))
def unload_model(caller: ModelAdmin, name: ModelOrRelease, parts: Parts) -> ModelView:
    """Ask for it to be unloaded. Runs that use it end first; a task that needs it afterwards has it loaded again."""
    parts.models.ask.ask("unload", name, by=caller.key_id)
    return _show(name, parts)


@router.post("/{name}:pin", responses=problem_docs((*WITH_BODY, HTTPStatus.NOT_FOUND)))
def pin_model(caller: ModelAdmin, name: ModelOrRelease, parts: Parts, body: PinBody | None = None) -> ModelView:
    """Let no want of memory evict it, or, with `{"pinned": false}`, let it again."""
    parts.models.ask.ask("pin" if body is None or body.pinned else "unpin", name, by=caller.key_id)
    return _show(name, parts)


def _show(name: str, parts: Parts) -> ModelView:
    return render_model(parts.models.show.find(Release.parse(name).model))
