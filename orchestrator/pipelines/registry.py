"""Every task type of this node. Adding one is a file in `types/` and a line here."""

from collections.abc import Mapping

from orchestrator.domain.breaker import R2, TRITON
from orchestrator.domain.errors import UnknownTaskType
from orchestrator.pipelines.pipeline import Pipeline
from orchestrator.pipelines.types.audio_speech import AudioSpeech
from orchestrator.pipelines.types.image_upscale import ImageUpscale
from orchestrator.pipelines.types.model_infer import ModelInfer
from orchestrator.pipelines.types.system_echo import SystemEcho
from orchestrator.pipelines.types.video_shots import VideoShots

PIPELINES: Mapping[str, Pipeline] = {
    pipeline.name: pipeline for pipeline in (SystemEcho(), ImageUpscale(), VideoShots(), AudioSpeech(), ModelInfer())
}

MODELS = frozenset(pipeline.model for pipeline in PIPELINES.values() if pipeline.model)

# Task types that cannot do without a dependency. What takes an input has it from storage, and puts files there.
NEEDED_BY: Mapping[str, frozenset[str]] = {
    R2: frozenset(name for name, pipeline in PIPELINES.items() if pipeline.accepts),
    TRITON: frozenset(PIPELINES),
}


def find_pipeline(name: str) -> Pipeline:
    """The task type called ``name``.

    Raises:
        UnknownTaskType: there is none.
    """
    if name not in PIPELINES:
        raise UnknownTaskType(f"there is no task type {name!r}; GET /v1/task-types lists them")
    return PIPELINES[name]
