"""Small ONNX files, written by hand: this environment has no ONNX."""

from collections.abc import Mapping, Sequence

FP32, UINT8 = 1, 2
Dims = Sequence[int | str]


def onnx_bytes(
    inputs: Mapping[str, Dims],
    outputs: Mapping[str, Dims],
    *,
    datatype: int = FP32,
    weights: str = "",
    is_external: bool = False,
) -> bytes:
    """A model without any node: what it takes and gives, as `onnx.proto` numbers it. Names stand for any size."""
    graph = b"".join(
        [
            *(_field(11, _value(name, dims, datatype=datatype)) for name, dims in inputs.items()),
            *(_field(12, _value(name, dims, datatype=datatype)) for name, dims in outputs.items()),
            _field(5, _field(8, weights.encode()) + (_number(14, 1) if is_external else b"")) if weights else b"",
        ]
    )
    return _number(1, 8) + _field(7, graph)


def _value(name: str, dims: Dims, *, datatype: int) -> bytes:
    shape = b"".join(_field(1, _field(2, dim.encode()) if isinstance(dim, str) else _number(1, dim)) for dim in dims)
    return _field(1, name.encode()) + _field(2, _field(1, _number(1, datatype) + _field(2, shape)))


def _field(number: int, value: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _number(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _varint(value: int) -> bytes:
    digits = bytearray()
    while value >= 0x80:
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*digits, value])
