"""A model's configuration as far as we care, and what ours must be like (stack facts C.3).

The rules are the same for the models of the repository and for releases that strangers push (ADR 0047).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from orchestrator.domain.manifest import TensorSpec

FILES: Mapping[str, str] = {"onnxruntime": "model.onnx", "pytorch": "model.pt"}
# What NVIDIA's native backends know; anything else may be a path or a library to load.
PARAMETERS: Mapping[str, frozenset[str]] = {
    "onnxruntime": frozenset({"intra_op_thread_count", "inter_op_thread_count"}),
    "pytorch": frozenset({"INTRA_OP_THREAD_COUNT", "INTER_OP_THREAD_COUNT"}),
}
FIELDS = frozenset(
    {
        "name",
        "backend",
        "default_model_filename",
        "max_batch_size",
        "input",
        "output",
        "instance_group",
        "dynamic_batching",
        "parameters",
    }
)
PRIORITY_LEVELS = 2
TIMEOUT_US = 30_000_000
UNSIGNED, SIGNED = ("UINT8", "UINT16", "UINT32", "UINT64"), ("INT8", "INT16", "INT32", "INT64")
DATATYPES = frozenset({"BOOL", *UNSIGNED, *SIGNED, "FP16", "FP32", "FP64", "BF16"})


@dataclass(frozen=True, slots=True)
class Instances:
    """A group of instances. ``kind`` is empty when the configuration leaves it to Triton."""

    count: int
    kind: str = ""
    gpus: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Queue:
    """The default policy of the dynamic batcher's queue."""

    priority_levels: int
    default_priority_level: int
    rejects: bool
    timeout_us: int
    allows_override: bool
    size: int


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """``fields`` are the names of all that is set. Tensors are without the batch."""

    name: str
    backend: str
    file: str
    max_batch_size: int
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    instances: tuple[Instances, ...]
    queue: Queue | None
    parameters: Mapping[str, str]
    fields: frozenset[str]

    @property
    def queue_size(self) -> int:
        """How long the queue should be: 4 × batch × instances."""
        return 4 * max(self.max_batch_size, 1) * sum(group.count for group in self.instances)


@dataclass(frozen=True, slots=True)
class Flaw:
    """What is wrong with a configuration. What is not ``is_grave`` is served all the same, only worse."""

    rule: str
    message: str
    is_grave: bool = True


def lint(config: ModelConfig) -> tuple[Flaw, ...]:
    """Everything that is wrong with it, as far as itself can tell."""
    return (*_serving(config), *_queue(config), *_tensors(config))


def _serving(config: ModelConfig) -> Iterator[Flaw]:
    if config.backend not in FILES:
        yield Flaw("backend", f"backend is {config.backend!r}: this node serves {' and '.join(FILES)}")
        return
    if config.file != FILES[config.backend]:
        yield Flaw("file", f"default_model_filename must be {FILES[config.backend]!r}")
    for name in sorted(config.fields - FIELDS):
        yield Flaw("field", f"{name} is not accepted")
    for name in sorted(config.parameters.keys() - PARAMETERS[config.backend]):
        yield Flaw("parameter", f"NVIDIA's {config.backend} backend knows no parameter {name!r} that we let pass")
    if not config.instances or any(group.count < 1 for group in config.instances):
        yield Flaw("instances", "instance_group must give a count: without one a CPU gets two", is_grave=False)
    if any(group.kind or group.gpus for group in config.instances):
        yield Flaw("instances", "instance_group must name no kind and no GPU: the repository serves CPUs and GPUs")


def _queue(config: ModelConfig) -> Iterator[Flaw]:
    queue = config.queue
    if queue is None:
        yield Flaw("queue", "without dynamic_batching a queue has no policy at all")
        return
    if not queue.size:
        yield Flaw("queue", f"max_queue_size must be set, to {config.queue_size}: 0 is without bound")
    elif queue.size != config.queue_size:
        message = f"max_queue_size is {queue.size}; 4 × batch × instances is {config.queue_size}"
        yield Flaw("queue", message, is_grave=False)
    if not queue.timeout_us:
        yield Flaw("queue", "default_timeout_microseconds must be set: what a request asks for only shortens it")
    elif queue.timeout_us != TIMEOUT_US:
        yield Flaw("queue", f"default_timeout_microseconds should be {TIMEOUT_US}", is_grave=False)
    if not queue.allows_override:
        yield Flaw("queue", "allow_timeout_override must be true, or deadlines of requests are not heeded")
    if not queue.rejects:
        yield Flaw("queue", "timeout_action must be REJECT, or what waited too long goes on waiting")
    if (queue.priority_levels, queue.default_priority_level) != (PRIORITY_LEVELS, PRIORITY_LEVELS):
        yield Flaw("queue", "priority_levels and default_priority_level must be 2", is_grave=False)


def _tensors(config: ModelConfig) -> Iterator[Flaw]:
    if not config.inputs or not config.outputs:
        yield Flaw("tensors", "input and output must be named")
    for tensor in (*config.inputs, *config.outputs):
        if tensor.datatype not in DATATYPES:
            yield Flaw("tensors", f"{tensor.name} has the data type {tensor.datatype or 'none'}, which is not served")
        if not tensor.dims or any(dim == 0 or dim < -1 for dim in tensor.dims):
            yield Flaw("tensors", f"{tensor.name} must have dims, each a size or -1")
    if config.backend == "pytorch":
        yield from _order(config)


def _order(config: ModelConfig) -> Iterator[Flaw]:
    """TorchScript has no names: the native backend counts them by number, or takes them as they come."""
    for tensors, prefix in ((config.inputs, "INPUT__"), (config.outputs, "OUTPUT__")):
        names = [tensor.name for tensor in tensors]
        is_numbered = names == [f"{prefix}{at}" for at in range(len(names))]
        if not is_numbered and any("__" in name for name in names):
            yield Flaw("tensors", f"TorchScript tensors are named {prefix}0, {prefix}1 …, or without any `__`")


class Told(Protocol):
    """What says which tensors there are: a configuration, or a manifest."""

    @property
    def inputs(self) -> tuple[TensorSpec, ...]: ...

    @property
    def outputs(self) -> tuple[TensorSpec, ...]: ...


def compare(told: Told, *, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]) -> tuple[Flaw, ...]:
    """Where what is told and what the file really takes and gives part ways."""
    return (
        *_differences("input", told=told.inputs, real=inputs),
        *_differences("output", told=told.outputs, real=outputs),
    )


def _differences(kind: str, *, told: Sequence[TensorSpec], real: Sequence[TensorSpec]) -> Iterator[Flaw]:
    found = {tensor.name: tensor for tensor in real}
    for tensor in told:
        other = found.get(tensor.name)
        if other is None:
            yield Flaw("dims", f"the file has no {kind} {tensor.name!r}: it has {', '.join(found) or 'none'}")
        elif not _fits(tensor, other):
            yield Flaw("dims", f"{tensor.name} is {_shown(other)} in the file, {_shown(tensor)} in the configuration")
    if kind == "input":
        for name in found.keys() - {tensor.name for tensor in told}:
            yield Flaw("dims", f"the file takes {name!r} as well")


def _fits(told: TensorSpec, real: TensorSpec) -> bool:
    """As NVIDIA's backends compare: what is variable in the file may be fixed in the configuration, not the reverse."""
    if told.datatype != real.datatype or len(told.dims) != len(real.dims):
        return False
    return all(theirs in (-1, ours) for ours, theirs in zip(told.dims, real.dims, strict=True))


def _shown(tensor: TensorSpec) -> str:
    return f"{tensor.datatype} [{', '.join(map(str, tensor.dims))}]"
