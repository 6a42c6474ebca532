"""`model.infer`: any model of the node, on tensors or on a picture, without a line of code (ADR 0049)."""

from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Self

import numpy as np
from pydantic import Field, model_validator

from orchestrator.domain.errors import InvalidParams, MediaTooLarge, UnsupportedMedia
from orchestrator.domain.media import MediaKind
from orchestrator.domain.model import MODEL_OR_RELEASE
from orchestrator.domain.signature import Signature
from orchestrator.domain.task import Progress
from orchestrator.pipelines.inflight import ModelRoute, Request, infer_in_order
from orchestrator.pipelines.model_io import (
    best_labels,
    cut_batches,
    find_picture_input,
    fit_tensors,
    join_batches,
    plain_number,
    tensor_of,
)
from orchestrator.pipelines.pipeline import LocalArtifact, Outcome, Params, Workbench
from orchestrator.pipelines.tensor_files import DATATYPES, DTYPES, parse_tensors, read_tensors, write_tensors
from orchestrator.ports.inference import Tensors

MOST_INLINE_VALUES = 4096
MOST_SHOWN_VALUES = 64  # of an output: as many stand in the result itself
MOST_LABELLED = 256  # samples of a task
MOST_OUTPUT_BYTES = 512 * 1024**2
TENSORS = "outputs.npz"

TensorName = Annotated[str, Field(min_length=1, max_length=256)]


class InlineTensor(Params):
    """A small tensor within the request."""

    shape: tuple[Annotated[int, Field(ge=1)], ...] = Field(max_length=16, description="Its dimensions.")
    datatype: str = Field(description="As Triton names it, such as `FP32`, `INT64`, `UINT8` or `BOOL`.")
    data: tuple[bool | int | float, ...] = Field(
        max_length=MOST_INLINE_VALUES, description="Its values, the last dimension fastest."
    )


class ModelInferParams(Params):
    """Which model, and what of its answer."""

    model: str = Field(pattern=f"^{MODEL_OR_RELEASE}$", description="A model, or one release of it: `name@version`.")
    tensors: dict[TensorName, InlineTensor] = Field(
        default_factory=dict, max_length=16, description="Inputs by name; those of the task's input come beside them."
    )
    outputs: tuple[TensorName, ...] = Field((), max_length=64, description="The outputs that are wanted; empty: all.")
    timeout_s: float | None = Field(
        None,
        gt=0,
        le=3600,
        description="How long one request to the model may take; never longer than the node allows.",
    )

    @property
    def asked_model(self) -> str:
        return self.model

    @property
    def needs_input(self) -> bool:
        return not self.tensors

    @model_validator(mode="after")
    def _add_up(self) -> Self:
        if sum(len(tensor.data) for tensor in self.tensors.values()) > MOST_INLINE_VALUES:
            raise ValueError(f"more than {MOST_INLINE_VALUES} values: send them as the input, in an npz")
        try:
            self.arrays()
        except UnsupportedMedia as error:
            raise ValueError(str(error)) from error
        return self

    def arrays(self) -> Tensors:
        return parse_tensors({name: tensor.model_dump() for name, tensor in self.tensors.items()})


class ModelInfer:
    """The model says by its configuration what it takes: nothing is sent that does not fit."""

    name = "model.infer"
    summary = "Ask any model, with tensors or a picture."
    lane = "image"  # most are one short request, and its eight slots let Triton batch them (ADR 0049)
    model = ""
    accepts = frozenset({MediaKind.TENSORS, MediaKind.PICTURE})
    params = ModelInferParams
    predicted_s = 1.0

    def run(self, params: Any, bench: Workbench) -> Outcome:  # noqa: ANN401 - the registry holds all types
        asked: ModelInferParams = params
        signature = bench.signature()
        names = _wanted(asked, signature)
        tensors = fit_tensors(_given(asked, bench, signature=signature), signature)
        samples = len(next(iter(tensors.values()))) if signature.max_batch else 0
        requests = [Request(start, batch) for start, batch in cut_batches(tensors, signature.max_batch)]
        outputs = join_batches(_ask(asked, bench, names=names, requests=requests, at_once=signature.instances), samples)
        path = bench.scratch / TENSORS
        write_tensors(outputs, path)
        return Outcome(
            result={"outputs": _shown(outputs), **_labelled(outputs, signature)},
            artifacts=(LocalArtifact(path, "application/x-npz"),),
            usage={"inferences": len(requests), "samples": max(samples, 1)},
        )


def _wanted(asked: ModelInferParams, signature: Signature) -> tuple[str, ...]:
    known = {spec.name: spec.datatype for spec in signature.outputs}
    names = asked.outputs or tuple(known)
    for name in names:
        if name not in known:
            raise InvalidParams(f"{name!r} is no output of the model; it has {', '.join(map(repr, known))}")
        if known[name] not in DTYPES:
            raise InvalidParams(f"output {name!r} is {known[name]}, which is no number: name the others in outputs")
    return names


def _given(asked: ModelInferParams, bench: Workbench, *, signature: Signature) -> Tensors:
    inline = asked.arrays()
    if bench.source is None or bench.info is None:
        return inline
    if bench.info.kind is MediaKind.PICTURE:
        target, spec = find_picture_input(signature, inline)
        rgb = bench.pictures.decode(bench.source).rgb
        return {**inline, target.name: tensor_of(rgb, target=target, spec=spec, pictures=bench.pictures)}
    tensors = read_tensors(bench.source, bench.info.container)
    if twice := sorted(inline.keys() & tensors.keys()):
        raise InvalidParams(f"{', '.join(map(repr, twice))} is in the input and in params.tensors")
    return {**inline, **tensors}


def _ask(
    asked: ModelInferParams,
    bench: Workbench,
    *,
    names: tuple[str, ...],
    requests: list[Request[int]],
    at_once: int,
) -> Iterator[tuple[int, Tensors]]:
    """One request more in flight than the model computes at once, so that none of its instances waits for us."""
    timeout_s = min(asked.timeout_s or bench.infer_timeout_s, bench.infer_timeout_s)
    route = ModelRoute(bench.engine, asked.model, names, at_once + 1, timeout_s, bench.cancel)
    size_bytes = 0
    for done, (start, outputs) in enumerate(infer_in_order(route, requests), 1):
        size_bytes += sum(output.nbytes for output in outputs.values())
        if size_bytes > MOST_OUTPUT_BYTES:
            raise MediaTooLarge(f"the outputs take more than {MOST_OUTPUT_BYTES} bytes; name fewer in params.outputs")
        yield start, outputs
        bench.report(Progress("infer", fraction=done / len(requests), done=done, total=len(requests)))


def _shown(outputs: Tensors) -> dict[str, Any]:
    return {
        name: {
            "shape": list(output.shape),
            "datatype": DATATYPES.get(output.dtype, str(output.dtype)),
            **({"min": plain_number(np.min(output)), "max": plain_number(np.max(output))} if output.size else {}),
            **({"data": _plain(output.flat)} if output.size <= MOST_SHOWN_VALUES else {}),
        }
        for name, output in outputs.items()
    }


def _labelled(outputs: Tensors, signature: Signature) -> dict[str, Any]:
    """Of each sample what its first output says it is, where the release says that it says that."""
    scores = outputs.get(signature.outputs[0].name)
    if scores is None or not signature.labels or signature.picture is None:
        return {}
    samples = scores if signature.max_batch else [scores]
    labels = [best_labels(sample, signature.labels, top=signature.picture.top) for sample in samples[:MOST_LABELLED]]
    return {"labels": labels[0] if len(samples) == 1 else labels}


def _plain(values: Iterable[Any]) -> list[bool | int | float | None]:
    return [plain_number(value) for value in values]
