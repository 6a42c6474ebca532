"""Between what people have and what a model takes: names, shapes, data types, batches and pictures are made to fit.

Nothing is converted in silence: a tensor that does not fit is named, with what it is and what the model takes.
"""

import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orchestrator.domain.errors import InvalidParams
from orchestrator.domain.manifest import PictureSpec, TensorSpec
from orchestrator.domain.signature import Signature
from orchestrator.pipelines.tensor_files import DATATYPES, DTYPES, UNNAMED
from orchestrator.ports.codec import Picture, PictureCodec
from orchestrator.ports.inference import Pixels, Tensors

COLOURS = 3


def fit_tensors(given: Tensors, signature: Signature) -> Tensors:
    """``given`` as the model takes it: by its names, each with the batch dimension if it batches.

    A tensor without a name is the one input that no other is.

    Raises:
        InvalidParams: it does not fit; the message names each tensor that does not.
    """
    named = _named(given, signature)
    known = {spec.name: spec for spec in signature.inputs}
    flaws = [f"{name!r} is no input of the model" for name in named if name not in known]
    flaws += [f"{name!r} is missing" for name in known if name not in named and name not in signature.optional]
    _require(flaws, signature)
    batches = signature.max_batch > 0
    fitted = {name: _with_leading(tensor, known[name], batches=batches) for name, tensor in named.items()}
    _require([flaw for name in fitted if (flaw := _flaw(fitted[name], known[name], batches=batches))], signature)
    samples = {name: len(tensor) for name, tensor in fitted.items()} if batches else {}
    if len(set(samples.values())) > 1:
        _require([f"{name!r} has {count} samples" for name, count in samples.items()], signature)
    return fitted


def cut_batches(fitted: Tensors, max_batch: int) -> Iterator[tuple[int, Tensors]]:
    """(first sample, tensors) of at most ``max_batch`` samples each, in order; all at once when that is 0."""
    if not max_batch:
        yield 0, fitted
        return
    total = len(next(iter(fitted.values())))
    for start in range(0, total, max_batch):
        yield start, {name: tensor[start : start + max_batch] for name, tensor in fitted.items()}


def join_batches(parts: Iterable[tuple[int, Tensors]], total: int) -> Tensors:
    """What `cut_batches` has led to, in one piece of ``total`` samples; 0 of a model that does not batch.

    What came in one piece is not copied.

    Raises:
        InvalidParams: the outputs of the batches differ in shape.
    """
    whole: dict[str, NDArray[Any]] = {}
    for start, outputs in parts:
        for name, part in outputs.items():
            if not total or len(part) == total:
                whole[name] = part
                continue
            room = whole.setdefault(name, np.empty((total, *part.shape[1:]), part.dtype))
            if room.shape[1:] != part.shape[1:]:
                raise InvalidParams(f"the samples have outputs {name!r} of different shapes; send them one by one")
            room[start : start + len(part)] = part
    return whole


def find_picture_input(signature: Signature, given: Iterable[str] = ()) -> tuple[TensorSpec, PictureSpec]:
    """The input that a picture is for, which is the only one not ``given``, and how it becomes that.

    Without a word from the model: as it is, if the input is UINT8 with three channels first or last.

    Raises:
        InvalidParams: nobody can tell.
    """
    left = [spec for spec in signature.inputs if spec.name not in given and spec.name not in signature.optional]
    if len(left) != 1:
        raise InvalidParams(f"the model takes {_listed(signature.inputs)}: a picture can be one of them, not all")
    spec = signature.picture or _evident(left[0])
    if spec is None:
        raise InvalidParams(f"neither manifest nor configuration say how a picture becomes {_shown(left[0])}")
    return left[0], spec


def require_picture_output(signature: Signature) -> None:
    """That the first output can be taken for a picture like the one that the model is shown.

    Raises:
        InvalidParams: it has not three channels, or nobody can tell where.
    """
    _, spec = find_picture_input(signature)
    first = signature.outputs[0]
    dims = first.dims[-COLOURS:]
    if len(dims) < COLOURS or dims[0 if spec.layout == "chw" else -1] not in (COLOURS, -1):
        raise InvalidParams(f"the model gives {_shown(first)} first, which is no picture")


def tensor_of(rgb: Pixels, *, target: TensorSpec, spec: PictureSpec, pictures: PictureCodec) -> NDArray[Any]:
    """A picture [H, W, 3] as the model's input, without the batch."""
    if spec.width and spec.height:
        rgb = pictures.resize(rgb, width=spec.width, height=spec.height)
    values: NDArray[Any] = rgb
    if not _is_plain(spec):
        values = (rgb * np.float32(spec.scale) - np.array(spec.mean, np.float32)) / np.array(spec.std, np.float32)
    values = values.astype(DTYPES.get(target.datatype, values.dtype), copy=False)
    return np.ascontiguousarray(values.transpose(2, 0, 1)) if spec.layout == "chw" else values


def picture_of(tensor: NDArray[Any], spec: PictureSpec) -> Picture:
    """The other way round: an output [3, H, W] or [H, W, 3] of the same scale, with or without a batch of one.

    Raises:
        InvalidParams: it is no picture.
    """
    pixels = tensor[0] if tensor.ndim == COLOURS + 1 and len(tensor) == 1 else tensor
    pixels = np.moveaxis(pixels, 0, -1) if pixels.ndim == COLOURS and spec.layout == "chw" else pixels
    if pixels.ndim != COLOURS or pixels.shape[-1] != COLOURS:
        raise InvalidParams(f"an output of shape {list(tensor.shape)} is no picture")
    if pixels.dtype != np.uint8:
        mean, std = (np.array(colours, np.float32) for colours in (spec.mean, spec.std))
        levels = (pixels.astype(np.float32) * std + mean) / np.float32(spec.scale)
        pixels = np.rint(np.nan_to_num(levels)).clip(0, 255).astype(np.uint8)
    return Picture(np.ascontiguousarray(pixels))


def best_labels(scores: NDArray[Any], labels: tuple[str, ...], *, top: int) -> list[dict[str, Any]]:
    """The ``top`` highest scores of one sample with their labels, the best first; where none is known, its number."""
    flat = scores.reshape(-1).astype(np.float64)
    best = np.argsort(-flat, kind="stable")[:top].tolist()  # what is no number comes last
    return [
        {"label": labels[at] if at < len(labels) else str(at), "index": at, "score": plain_number(flat[at])}
        for at in best
    ]


def plain_number(value: Any) -> bool | int | float | None:  # noqa: ANN401 - a number of numpy's
    """As JSON has it, which knows neither infinity nor what is no number: those are None."""
    plain: bool | int | float = value.item()
    return plain if math.isfinite(plain) else None


def _named(given: Tensors, signature: Signature) -> Tensors:
    if UNNAMED not in given:
        return given
    left = [spec.name for spec in signature.inputs if spec.name not in given and spec.name not in signature.optional]
    if len(left) != 1:
        raise InvalidParams(f"the model takes {_listed(signature.inputs)}: send an npz, which names its tensors")
    return {name or left[0]: tensor for name, tensor in given.items()}


def _with_leading(tensor: NDArray[Any], spec: TensorSpec, *, batches: bool) -> NDArray[Any]:
    """A single sample gets the batch, also where a model that does not batch has one in its dims."""
    is_single = tensor.ndim == len(spec.dims) - (0 if batches else 1)
    return tensor[np.newaxis] if is_single and (batches or spec.dims[0] in {1, -1}) else tensor


def _flaw(tensor: NDArray[Any], spec: TensorSpec, *, batches: bool) -> str:
    dims = (-1, *spec.dims) if batches else spec.dims
    fits = len(tensor.shape) == len(dims) and all(
        most in (-1, size) for size, most in zip(tensor.shape, dims, strict=True)
    )
    datatype = DATATYPES.get(tensor.dtype, str(tensor.dtype))
    if fits and datatype == spec.datatype:
        return ""
    return f"{spec.name!r} is {datatype} {list(tensor.shape)}, the model takes {spec.datatype} {list(dims)}"


def _require(flaws: list[str], signature: Signature) -> None:
    if flaws:
        raise InvalidParams(f"{'; '.join(flaws)}. The model takes {_listed(signature.inputs)}")


def _evident(spec: TensorSpec) -> PictureSpec | None:
    dims = spec.dims[-COLOURS:]
    if spec.datatype != "UINT8" or len(dims) < COLOURS:
        return None
    if dims[0] == COLOURS:
        return PictureSpec(max(dims[2], 0), max(dims[1], 0), "chw")
    return PictureSpec(max(dims[1], 0), max(dims[0], 0), "hwc") if dims[2] == COLOURS else None


def _is_plain(spec: PictureSpec) -> bool:
    usual = PictureSpec()
    return (spec.scale, spec.mean, spec.std) == (usual.scale, usual.mean, usual.std)


def _listed(specs: Iterable[TensorSpec]) -> str:
    return ", ".join(map(_shown, specs))


def _shown(spec: TensorSpec) -> str:
    return f"{spec.name!r} {spec.datatype} {list(spec.dims)}"
