"""`ModelFiles`: what an ONNX file says of itself, read without ONNX's libraries, which this environment has not.

Field numbers are those of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
"""

import mmap
import zipfile
from collections.abc import Iterator
from pathlib import Path

from orchestrator.adapters.model_files.wire import Fields, NotProtobufError, Value
from orchestrator.domain.config_draft import Signature
from orchestrator.domain.manifest import TensorSpec
from orchestrator.domain.release_errors import ReleaseRefused

GRAPH = 7  # of ModelProto
INITIALIZER, INPUT, OUTPUT = 5, 11, 12  # of GraphProto
TENSOR_NAME, DATA_LOCATION, EXTERNAL = 8, 14, 1  # of TensorProto
NAME, TYPE = 1, 2  # of ValueInfoProto
TENSOR_TYPE = 1  # of TypeProto
ELEMENT, SHAPE = 1, 2  # of TypeProto.Tensor
DIM, DIM_VALUE = 1, 1  # of TensorShapeProto and its Dimension
DATATYPES = {
    1: "FP32",
    2: "UINT8",
    3: "INT8",
    4: "UINT16",
    5: "INT16",
    6: "INT32",
    7: "INT64",
    9: "BOOL",
    10: "FP16",
    11: "FP64",
    12: "UINT32",
    13: "UINT64",
    16: "BF16",
}
MOST = 2**31  # of one dimension
TORCHSCRIPT = "/constants.pkl"  # in every TorchScript archive, whatever its folder is called


class FileHeaders:
    """Implements `ports.model_files.ModelFiles`."""

    def signature(self, path: Path) -> Signature | None:
        if path.suffix == ".pt":
            _require_torchscript(path)
            return None
        try:
            with path.open("rb") as file:
                # Unmapped when nothing refers to it any more: a slice of it may still do so in a traceback.
                model = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
            return _Graphs().signature(model)
        except ValueError as error:  # ours, a name that is not Unicode, an empty file
            raise ReleaseRefused(f"{path.name} is no ONNX model") from error


def _require_torchscript(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except zipfile.BadZipFile as error:
        raise ReleaseRefused(f"{path.name} is no TorchScript archive") from error
    if not any(name.endswith(TORCHSCRIPT) for name in names):
        raise ReleaseRefused(f"{path.name} is no TorchScript archive: save it with torch.jit.save")


class _Graphs:
    """Reads one model."""

    def __init__(self) -> None:
        self._fields = Fields()

    def signature(self, model: memoryview) -> Signature:
        graph = list(self._inside(model, GRAPH))
        if len(graph) != 1:
            raise NotProtobufError
        inputs: list[TensorSpec] = []
        outputs: list[TensorSpec] = []
        weights: set[str] = set()
        for number, part in self._fields.of(graph[0]):
            if number == INPUT:
                inputs.append(self._tensor(_bytes(part)))
            elif number == OUTPUT:
                outputs.append(self._tensor(_bytes(part)))
            elif number == INITIALIZER:
                weights.add(self._name_of_weight(_bytes(part)))
        # Before IR version 4 the weights were inputs, too.
        return Signature(tuple(tensor for tensor in inputs if tensor.name not in weights), tuple(outputs))

    def _tensor(self, message: memoryview) -> TensorSpec:
        name, element = "", 0
        dims: tuple[int, ...] = ()
        for number, value in self._fields.of(message):
            if number == NAME:
                name = _text(value)
            elif number == TYPE:
                for tensor in self._inside(_bytes(value), TENSOR_TYPE):
                    element, dims = self._shape(tensor)
        if element not in DATATYPES:
            raise ReleaseRefused(f"{name!r} is no tensor of a data type that is served here")
        return TensorSpec(name, DATATYPES[element], dims)

    def _shape(self, tensor: memoryview) -> tuple[int, tuple[int, ...]]:
        element = 0
        dims: tuple[int, ...] = ()
        for number, value in self._fields.of(tensor):
            if number == ELEMENT:
                element = _number(value)
            elif number == SHAPE:
                dims = tuple(self._dim(dim) for dim in self._inside(_bytes(value), DIM))
        return element, dims

    def _dim(self, message: memoryview) -> int:
        """A dimension with a name, or with nothing, is any size."""
        sizes = [_number(value) for number, value in self._fields.of(message) if number == DIM_VALUE]
        return sizes[-1] if sizes and 0 < sizes[-1] < MOST else -1

    def _name_of_weight(self, message: memoryview) -> str:
        name = ""
        for number, value in self._fields.of(message):
            if number == DATA_LOCATION and value == EXTERNAL:
                raise ReleaseRefused("the model's weights lie in other files: store them in the model itself")
            if number == TENSOR_NAME:
                name = _text(value)
        return name

    def _inside(self, message: memoryview, wanted: int) -> Iterator[memoryview]:
        return (_bytes(value) for number, value in self._fields.of(message) if number == wanted)


def _bytes(value: Value) -> memoryview:
    if isinstance(value, int):
        raise NotProtobufError
    return value


def _number(value: Value) -> int:
    if not isinstance(value, int):
        raise NotProtobufError
    return value


def _text(value: Value) -> str:
    return bytes(_bytes(value)).decode()
