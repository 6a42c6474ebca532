"""What a model takes and gives, as far as one must know it to ask: read from its configuration."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from orchestrator.domain.manifest import PictureSpec, TensorSpec, parse_picture

PICTURE_PARAMETER = "picture"  # of a configuration, for releases without a manifest: a `PictureSpec` as JSON


@dataclass(frozen=True, slots=True)
class Signature:
    """``max_batch`` is 0 for a model that does not batch; as many requests as ``instances`` are computed at once.

    ``picture`` says how a picture becomes the one input that is not given otherwise, None where nobody has said.
    """

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    max_batch: int = 0
    instances: int = 1
    optional: frozenset[str] = field(default_factory=frozenset)
    picture: PictureSpec | None = None
    labels: tuple[str, ...] = ()

    @classmethod
    def parse(cls, config: str) -> Self:
        """What Triton says of a loaded model: a `ModelConfig` as protobuf's JSON, which leaves out what is zero.

        Raises:
            ValueError, KeyError, TypeError: it is something else.
        """
        said = json.loads(config)
        picture = said.get("parameters", {}).get(PICTURE_PARAMETER)
        return cls(
            inputs=tuple(map(_tensor, said["input"])),
            outputs=tuple(map(_tensor, said["output"])),
            max_batch=int(said.get("max_batch_size", 0)),
            instances=sum(int(group.get("count", 1)) for group in said.get("instance_group", ())) or 1,
            optional=frozenset(tensor["name"] for tensor in said["input"] if tensor.get("optional")),
            picture=parse_picture(json.loads(picture["string_value"])) if picture else None,
        )


def _tensor(said: Mapping[str, Any]) -> TensorSpec:
    return TensorSpec(said["name"], said["data_type"].removeprefix("TYPE_"), tuple(map(int, said["dims"])))
