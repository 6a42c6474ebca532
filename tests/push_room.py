"""Releases over object storage in memory, and a client that sends what it is asked for."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from fakes_parts import MemoryParts
from fakes_residency import FakeResidency
from fakes_storage import MemoryStorage
from made_models import onnx_bytes

from orchestrator.domain.manifest import Golden, Manifest
from orchestrator.domain.push import Push, PushedFile, pushed_path
from orchestrator.wiring.releases import ReleaseParts, ReleaseStorage, build_releases

MODEL = onnx_bytes({"x": ("batch", 3, "h", "w")}, {"y": ("batch", 10)})
CONFIG = """
name: "upscaler" backend: "onnxruntime" default_model_filename: "model.onnx" max_batch_size: 4
input [ { name: "x" data_type: TYPE_FP32 dims: [ 3, -1, -1 ] } ]
output [ { name: "y" data_type: TYPE_FP32 dims: [ 10 ] } ]
instance_group [ { count: 1 } ]
dynamic_batching { priority_levels: 2 default_priority_level: 2 default_queue_policy {
  timeout_action: REJECT default_timeout_microseconds: 30000000 allow_timeout_override: true max_queue_size: 16 } }
"""


def push_of(
    files: Mapping[str, bytes], *, model: str = "upscaler", config: str = "", goldens: Sequence[Golden] = ()
) -> Push:
    told = tuple(
        PushedFile(pushed_path(path), len(content), hashlib.sha256(content).hexdigest())
        for path, content in files.items()
    )
    return Push(model, told, config, tuple(goldens))


@dataclass
class PushRoom:
    """The services of pushing, without HTTP."""

    storage: MemoryStorage = field(default_factory=MemoryStorage)
    residency: FakeResidency = field(default_factory=FakeResidency)
    parts: ReleaseParts = field(init=False)

    def __post_init__(self) -> None:
        files = ReleaseStorage(self.storage, MemoryParts(self.storage), 60)
        self.parts = build_releases(files, self.residency)

    def push(
        self,
        files: Mapping[str, bytes],
        *,
        model: str = "upscaler",
        config: str = "",
        goldens: Sequence[Golden] = (),
    ) -> Manifest:
        """All of it, as a client does it."""
        state = self.parts.push.begin(push_of(files, model=model, config=config, goldens=goldens))
        contents = {pushed_path(path): content for path, content in files.items()}
        for file in state.files:
            if file.signed:
                assert self.storage.upload(file.signed, contents[file.file.path])
        return self.parts.prove.prove(state.release, self.parts.push.assemble(state.release))
