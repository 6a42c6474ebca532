"""Opens the model of one release and says what it really takes and gives: one JSON object on standard output.

A stranger's file is opened by a process of its own, with limits and without a network, which may die of it; this one
says so. Runs in .venv-triton; the warden (ADR 0046) and `orchestrator models lint` call it with the release's folder.

    {"inputs": [{"name", "datatype", "dims"}, …], "outputs": […], "problems": ["…"], "unopened": ""}

Tensors are as the configuration has them: Triton's data type without `TYPE_`, dims without the batch. ``unopened`` says
why nobody could look, where the libraries are missing: then Triton is the first to open the file.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import importlib.util
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

GIB = 1024**3
CPU_S = 120
WALL_S = 180
# Address space, beside the file itself: torch maps 5 GiB before it has done anything.
MEMORY_BYTES = 24 * GIB
NEW_USER, NEW_NETWORK = 0x10000000, 0x40000000  # CLONE_NEWUSER, CLONE_NEWNET
NEEDS = {"onnxruntime": ("onnx", "onnxruntime"), "pytorch": ("numpy", "torch")}
TRIED_SIZE = 64  # what a variable dimension is in the trial run
MOST_LETTERS = 300
ONNX_TYPES = {
    "bool": "BOOL",
    "uint8": "UINT8",
    "uint16": "UINT16",
    "uint32": "UINT32",
    "uint64": "UINT64",
    "int8": "INT8",
    "int16": "INT16",
    "int32": "INT32",
    "int64": "INT64",
    "float16": "FP16",
    "float": "FP32",
    "double": "FP64",
    "bfloat16": "BF16",
}
TORCH_TYPES = {f"torch.{name}": kind for name, kind in ONNX_TYPES.items() if not name.startswith("uint")} | {
    "torch.uint8": "UINT8",
    "torch.float32": "FP32",
    "torch.float64": "FP64",
}

Tensor = Mapping[str, Any]


def main(argv: Sequence[str] | None = None) -> None:
    """Print the answer. It ends with status 0 whatever the model is: what is wrong with it is the answer."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--inside", action="store_true", help="be the process that opens it")
    options = parser.parse_args(argv)
    answer = open_confined(options.folder) if options.inside else ask_child(options.folder)
    sys.stdout.write(f"{json.dumps(answer)}\n")


def ask_child(folder: Path) -> Mapping[str, Any]:
    """Let another process open it, and say what has become of that."""
    command = [sys.executable, "-P", str(Path(__file__).resolve()), str(folder.resolve()), "--inside"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=WALL_S, cwd="/", check=False)  # noqa: S603 - ourselves
    except subprocess.TimeoutExpired:
        return said(problems=[f"it was not open after {WALL_S} s"])
    if done.returncode:
        return said(problems=[how_it_died(done.returncode)])
    answer: Mapping[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def how_it_died(status: int) -> str:
    """Put the end of the child in words."""
    if status == -signal.SIGXCPU:
        return f"opening it took more than {CPU_S} s of a CPU"
    if status < 0:
        return f"opening it killed the process that did ({signal.Signals(-status).name})"
    return "opening it failed, probably for want of memory"


def said(
    inputs: Sequence[Tensor] = (),
    outputs: Sequence[Tensor] = (),
    *,
    problems: Sequence[str] = (),
    unopened: str = "",
) -> Mapping[str, Any]:
    """Build an answer."""
    return {"inputs": list(inputs), "outputs": list(outputs), "problems": list(problems), "unopened": unopened}


def open_confined(folder: Path) -> Mapping[str, Any]:
    """Open it, under limits."""
    confine(sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()))
    config = read_config(folder / "config.pbtxt")
    if config is None:
        return said(unopened="tritonclient is not installed here")
    missing = [name for name in NEEDS.get(config.backend, ()) if importlib.util.find_spec(name) is None]
    if missing:
        return said(unopened=f"{' and '.join(missing)} not installed here")
    opened = {"onnxruntime": open_onnx, "pytorch": open_torchscript}.get(config.backend)
    if opened is None:
        return said(problems=[f"there is no way to open models of the backend {config.backend!r}"])
    found = [path for path in sorted(folder.glob(f"*/{config.default_model_filename}")) if not path.is_symlink()]
    if not found:
        return said(problems=[f"there is no file <version>/{config.default_model_filename}"])
    try:
        return opened(found[-1], config)
    except Exception as error:  # noqa: BLE001 - whatever a framework raises is what is wrong with the file
        return said(problems=[in_one_line(error)])


def confine(file_bytes: int) -> None:
    """Limit this process, and take its network away where the kernel lets us."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES + 3 * file_bytes,) * 2)
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S + 5))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # It writes nothing but its answer, which goes into a pipe.
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None, use_errno=True).unshare(NEW_USER | NEW_NETWORK)


def read_config(path: Path) -> Any:  # noqa: ANN401 - protobuf makes its classes at run time
    """Parse a config.pbtxt; None where nobody knows how."""
    if importlib.util.find_spec("tritonclient") is None:
        return None
    from google.protobuf import text_format  # noqa: PLC0415 - only after the limits, and only where it is installed
    from tritonclient.grpc import model_config_pb2  # noqa: PLC0415 - the same

    return text_format.Parse(path.read_text("utf-8"), model_config_pb2.ModelConfig())


def open_onnx(path: Path, config: Any) -> Mapping[str, Any]:  # noqa: ANN401 - as `read_config`
    """Check the graph, then open a session on the CPU."""
    import onnx  # noqa: PLC0415 - as above
    import onnxruntime  # noqa: PLC0415 - as above

    model = onnx.load(str(path), load_external_data=False)
    if any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in tensors_of(model.graph)):
        return said(problems=["its weights lie in other files: store them in the model itself"])
    onnx.checker.check_model(model)
    del model
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    batches = config.max_batch_size > 0
    problems: list[str] = []
    inputs = [onnx_tensor(tensor, batches=batches, problems=problems) for tensor in session.get_inputs()]
    outputs = [onnx_tensor(tensor, batches=batches, problems=problems) for tensor in session.get_outputs()]
    return said(inputs, outputs, problems=problems)


def tensors_of(graph: Any) -> Iterator[Any]:  # noqa: ANN401 - onnx has no types for its protobufs
    """Every tensor of a graph and of the graphs in it."""
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            yield attribute.t
            yield from attribute.tensors
            for inner in (attribute.g, *attribute.graphs):
                yield from tensors_of(inner) if inner.ByteSize() else ()


def onnx_tensor(tensor: Any, *, batches: bool, problems: list[str]) -> Tensor:  # noqa: ANN401 - ONNX Runtime's
    """Describe a tensor of a session as a configuration would."""
    dims = [dim if isinstance(dim, int) and dim > 0 else -1 for dim in tensor.shape]
    if batches and dims[:1] != [-1]:
        problems.append(f"{tensor.name} has no variable first dimension, so max_batch_size must be 0")
    kind = tensor.type.removeprefix("tensor(").removesuffix(")")
    return {"name": tensor.name, "datatype": ONNX_TYPES.get(kind, kind), "dims": dims[1:] if batches else dims}


def open_torchscript(path: Path, config: Any) -> Mapping[str, Any]:  # noqa: ANN401 - as `read_config`
    """Load the module on the CPU and run it once, on zeros: TorchScript itself names no tensors and no shapes."""
    import numpy as np  # noqa: PLC0415 - as above
    import torch  # noqa: PLC0415 - as above

    torch.set_num_threads(1)
    module = torch.jit.load(str(path), map_location="cpu").eval()
    batch = [1] if config.max_batch_size > 0 else []
    types = {name: kind for kind, name in TORCH_TYPES.items()}
    told = [described(tensor) for tensor in config.input]
    zeros = [
        torch.from_numpy(np.zeros([*batch, *(TRIED_SIZE if dim < 0 else dim for dim in tensor["dims"])], np.uint8)).to(
            getattr(torch, types[tensor["datatype"]].removeprefix("torch."))
        )
        for tensor in sorted(told, key=lambda tensor: number_of(tensor["name"]))
    ]
    with torch.inference_mode():
        results = module(*zeros)
    made = [results] if isinstance(results, torch.Tensor) else list(results)
    outputs, problems = [], []
    for at, tensor in enumerate(described(tensor) for tensor in config.output):
        index = number_of(tensor["name"], default=at)
        if index >= len(made):
            problems.append(f"it gives {len(made)} outputs, and {tensor['name']} is not among them")
        else:
            outputs.append(torch_tensor(tensor, made[index], batches=bool(batch)))
    return said(told, outputs, problems=problems)


def described(tensor: Any) -> Tensor:  # noqa: ANN401 - as `read_config`
    """Describe a tensor of the configuration."""
    from tritonclient.grpc import model_config_pb2  # noqa: PLC0415 - as above

    datatype = model_config_pb2.DataType.Name(tensor.data_type).removeprefix("TYPE_")
    return {"name": tensor.name, "datatype": datatype, "dims": list(tensor.dims)}


def torch_tensor(told: Tensor, made: Any, *, batches: bool) -> Tensor:  # noqa: ANN401 - torch is only here if installed
    """Describe what came out under the name that the configuration has for it; what that leaves open stays open."""
    shape = list(made.shape)[1:] if batches else list(made.shape)
    is_as_long = len(shape) == len(told["dims"])
    dims = [-1 if said == -1 else dim for said, dim in zip(told["dims"], shape, strict=True)] if is_as_long else shape
    return {"name": told["name"], "datatype": TORCH_TYPES.get(str(made.dtype), str(made.dtype)), "dims": dims}


def number_of(name: str, *, default: int = 0) -> int:
    """Read the position out of a name like INPUT__0."""
    _, marked, number = name.rpartition("__")
    return int(number) if marked and number.isdecimal() else default


def in_one_line(error: Exception) -> str:
    """Put a framework's error into a line for people."""
    return (" ".join(str(error).split()) or type(error).__name__)[:MOST_LETTERS]


if __name__ == "__main__":
    os.umask(0o077)
    main()
