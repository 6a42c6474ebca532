"""The configuration of a model for which somebody pushed none: what its file says of itself, and our queue policy."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from orchestrator.domain.manifest import TensorSpec
from orchestrator.domain.model_config import (
    FILES,
    PARAMETERS,
    PRIORITY_LEVELS,
    TIMEOUT_US,
    Flaw,
    ModelConfig,
    compare,
)

BATCH = 8
LEAST_RANK = 2  # a batch, and something in it


@dataclass(frozen=True, slots=True)
class Signature:
    """What a file says that it takes and gives, the batch included; -1 is any size."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]

    @property
    def batches(self) -> bool:
        """Whether the first dimension of everything is variable, and something comes after it."""
        tensors = (*self.inputs, *self.outputs)
        return all(len(tensor.dims) >= LEAST_RANK and tensor.dims[0] == -1 for tensor in tensors)

    @property
    def without_batch(self) -> "Signature":
        """The tensors as the configuration of a model that batches names them."""
        return Signature(_unbatched(self.inputs), _unbatched(self.outputs))


def contradictions(config: ModelConfig, signature: Signature) -> tuple[Flaw, ...]:
    """Where a configuration and the file that it is for part ways."""
    if not config.max_batch_size:
        return compare(config, inputs=signature.inputs, outputs=signature.outputs)
    tensors = (*signature.inputs, *signature.outputs)
    fixed = [tensor.name for tensor in tensors if tensor.dims[:1] != (-1,)]
    if fixed:
        named = ", ".join(fixed)
        return (Flaw("dims", f"max_batch_size must be 0: {named} has no variable first dimension in the file"),)
    told = signature.without_batch
    return compare(config, inputs=told.inputs, outputs=told.outputs)


def draft_config(signature: Signature, *, backend: str) -> str:
    """A config.pbtxt without a name."""
    tensors, batch = (signature.without_batch, BATCH) if signature.batches else (signature, 0)
    threads = sorted(PARAMETERS[backend])
    lines = [
        f'backend: "{backend}"',
        f'default_model_filename: "{FILES[backend]}"',
        f"max_batch_size: {batch}",
        *_render_tensors("input", tensors.inputs),
        *_render_tensors("output", tensors.outputs),
        "instance_group [ { count: 1 } ]",
        "dynamic_batching {",
        f"  priority_levels: {PRIORITY_LEVELS}",
        f"  default_priority_level: {PRIORITY_LEVELS}",
        "  default_queue_policy {",
        "    timeout_action: REJECT",
        f"    default_timeout_microseconds: {TIMEOUT_US}",
        "    allow_timeout_override: true",
        f"    max_queue_size: {4 * max(batch, 1)}",
        "  }",
        "}",
        *(f'parameters {{ key: "{name}" value: {{ string_value: "1" }} }}' for name in threads),
    ]
    return "\n".join(lines) + "\n"


def _unbatched(tensors: Sequence[TensorSpec]) -> tuple[TensorSpec, ...]:
    return tuple(replace(tensor, dims=tensor.dims[1:]) for tensor in tensors)


def _render_tensors(kind: str, tensors: Sequence[TensorSpec]) -> list[str]:
    return [
        f"{kind} {{ name: {_quoted(tensor.name)} data_type: TYPE_{tensor.datatype} "
        f"dims: [ {', '.join(map(str, tensor.dims))} ] }}"
        for tensor in tensors
    ]


def _quoted(text: str) -> str:
    """As protobuf's text format quotes: names of tensors are a stranger's."""
    return '"' + "".join(char if char.isprintable() and char not in '"\\' else _escaped(char) for char in text) + '"'


def _escaped(char: str) -> str:
    return "".join(f"\\{byte:03o}" for byte in char.encode())
