"""The smallest request that a model takes, made of zeros: to see whether it answers, whatever it says."""

import json

import numpy as np
from numpy.typing import DTypeLike

from orchestrator.ports.inference import Tensors

# Triton's names without `TYPE_`; what is missing here is not asked.
TYPES: dict[str, DTypeLike] = {
    "BOOL": np.bool_,
    "STRING": np.object_,
    **{f"{sign}INT{bits}": f"{sign.lower()}int{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64)},
    **{f"FP{bits}": f"float{bits}" for bits in (16, 32, 64)},
}


def zero_request(config: str) -> tuple[Tensors, tuple[str, ...]]:
    """Inputs, and the names of the outputs, for the model's configuration as `ModelControl.config` gives it.

    Raises:
        KeyError: it has a tensor of a kind that we cannot make.
    """
    said = json.loads(config)
    batch = (1,) if int(said.get("max_batch_size", 0)) else ()
    inputs = {}
    for tensor in said["input"]:
        shape = (*batch, *(max(1, int(size)) for size in tensor["dims"]))
        kind = np.dtype(TYPES[tensor["data_type"].removeprefix("TYPE_")])
        inputs[tensor["name"]] = np.full(shape, b"", kind) if kind.hasobject else np.zeros(shape, kind)
    return inputs, tuple(tensor["name"] for tensor in said["output"])
