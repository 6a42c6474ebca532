"""Tensors as files: what is written is read again, and what was made to hurt is refused."""

import io
import json
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from orchestrator.domain.errors import MediaTooLarge, RequestError, UnsupportedMedia
from orchestrator.domain.media_format import SNIFFED_BYTES, sniff
from orchestrator.pipelines.tensor_files import (
    DTYPES,
    MOST_BYTES,
    MOST_JSON_BYTES,
    MOST_TENSORS,
    UNNAMED,
    parse_tensors,
    read_tensors,
    write_tensors,
)


def npy_bytes(array: NDArray[Any]) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, array, allow_pickle=True)
    return file.getvalue()


def zipped(*members: tuple[str, bytes], how: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", how) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return file.getvalue()


def claim(shape: str, *, descr: str = "<f4", body: bytes = b"") -> bytes:
    """An `.npy` that says of itself what it likes."""
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + body


@pytest.fixture
def file(tmp_path: Path) -> Callable[[bytes], Path]:
    def write(content: bytes) -> Path:
        path = tmp_path / "source"
        path.write_bytes(content)
        return path

    return write


@pytest.mark.parametrize("datatype", DTYPES)
def test_every_data_type_comes_back_as_it_was(datatype: str, tmp_path: Path) -> None:
    made = {"a b:0": np.arange(6).reshape(2, 3).astype(DTYPES[datatype]), "file": np.ones((), DTYPES[datatype])}
    write_tensors(made, tmp_path / "made.npz")
    read = read_tensors(tmp_path / "made.npz", "npz")
    assert {name: (tensor.dtype, tensor.tolist()) for name, tensor in read.items()} == {
        name: (tensor.dtype, tensor.tolist()) for name, tensor in made.items()
    }
    with np.load(tmp_path / "made.npz") as theirs:
        assert sorted(theirs) == sorted(made)


def test_what_numpy_writes_is_read(tmp_path: Path) -> None:
    columns, swapped = np.asfortranarray(np.arange(6.0).reshape(2, 3)), np.arange(3, dtype=">i4")
    np.savez_compressed(tmp_path / "a.npz", columns=columns, swapped=swapped)
    np.save(tmp_path / "a.npy", columns)
    read = read_tensors(tmp_path / "a.npz", "npz")
    assert read["columns"].tolist() == read_tensors(tmp_path / "a.npy", "npy")[UNNAMED].tolist() == columns.tolist()
    assert read["columns"].flags.c_contiguous
    assert (read["swapped"].dtype, read["swapped"].tolist()) == (np.dtype(np.int32), [0, 1, 2])


def test_their_first_bytes_tell_them_apart(tmp_path: Path) -> None:
    np.savez(tmp_path / "a", x=np.ones(2))
    heads = [(tmp_path / "a.npz").read_bytes(), npy_bytes(np.ones(2)), b'{\n "wide": {"shape": [1]}}']
    assert [known.name for head in heads if (known := sniff(head[:SNIFFED_BYTES]))] == ["npz", "npy", "json"]


@pytest.mark.parametrize(
    ("datatype", "shape", "data", "value"),
    [
        ("FP32", [2], [1, 2.5], [1.0, 2.5]),
        ("FP32", [2, 1], [[1], [2]], [[1.0], [2.0]]),
        ("UINT8", [2], [0, 255], [0, 255]),
        ("BOOL", [1], [True], [True]),
        ("INT64", [], [7], 7),
    ],
)
def test_json(datatype: str, shape: list[int], data: list[Any], value: object, file: Callable[[bytes], Path]) -> None:
    given = {"x": {"shape": shape, "datatype": datatype, "data": data}}
    read = read_tensors(file(json.dumps(given).encode()), "json")["x"]
    assert (read.dtype, read.tolist()) == (DTYPES[datatype], value)


@pytest.mark.parametrize(
    "said",
    [
        {"shape": [2], "datatype": "FP32", "data": [1]},
        {"shape": [1], "datatype": "UINT8", "data": [256]},
        {"shape": [1], "datatype": "UINT8", "data": [1.5]},
        {"shape": [1], "datatype": "INT64", "data": [2**70]},
        {"shape": [1], "datatype": "FP16", "data": [1e300]},
        {"shape": [1], "datatype": "BOOL", "data": [1]},
        {"shape": [1], "datatype": "BYTES", "data": ["a"]},
        {"shape": [0], "datatype": "FP32", "data": []},
        {"shape": [True], "datatype": "FP32", "data": [1]},
        {"shape": "1", "datatype": "FP32", "data": [1]},
        {"shape": [2], "datatype": "FP32", "data": [[1], [1, 2]]},
        {"datatype": "FP32", "data": [1]},
        [1],
    ],
)
def test_json_that_does_not_add_up_is_refused_by_name(said: object) -> None:
    with pytest.raises(UnsupportedMedia, match="'x'"):
        parse_tensors({"x": said})


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("npy", claim("(1000000000, 1000000000)")),
        ("npy", claim("(4,)", body=bytes(8))),
        ("npy", claim("(-1,)", body=bytes(8))),
        ("npy", claim("(0, 1000000000)")),
        ("npy", claim("(1,)" + " " * 20_000, body=bytes(4))),
        ("npy", claim("(True,)", body=bytes(4))),
        ("npy", npy_bytes(np.array([{"a": 1}], object))),
        ("npy", npy_bytes(np.array(["text"]))),
        ("npy", npy_bytes(np.ones(2, np.complex64))),
        ("npy", npy_bytes(np.ones(2, [("a", "f4")]))),
        ("npy", b"\x93NUMPY\x09\x00"),
        ("npz", zipped(("x.npy", claim("(100,)")))),
        ("npz", zipped(("x.npy", npy_bytes(np.array([{"a": 1}], object))))),
        ("npz", zipped(("x.npy", npy_bytes(np.ones(2))), how=zipfile.ZIP_LZMA)),
        ("npz", zipped(("x.npy", npy_bytes(np.ones(2))), ("x", npy_bytes(np.ones(2))))),
        ("npz", zipped(("x/", b""))),
        ("npz", zipped(("x.npy", npy_bytes(np.ones(2)))) + b"more"),
        ("npz", zipped(*((f"{at}.npy", npy_bytes(np.ones(1))) for at in range(MOST_TENSORS + 1)))),
        ("npz", b"PK\x03\x04"),
        ("json", b"[" * 100_000),
        ("json", b'{"x": 1}'),
        ("json", b'{"x": \xff}'),
    ],
)
def test_what_does_not_add_up_is_refused(kind: str, content: bytes, file: Callable[[bytes], Path]) -> None:
    with pytest.raises(RequestError):
        read_tensors(file(content), kind)


def test_a_bomb_is_refused_unopened(tmp_path: Path) -> None:
    """By what its directory says; what is unpacked is never more than that, or it would be damaged."""
    honest = bytearray(zipped(("x.npy", npy_bytes(np.zeros(1000)))))
    size_at = honest.index(b"PK\x01\x02") + 24
    honest[size_at : size_at + 4] = struct.pack("<L", MOST_BYTES + 1)
    bomb = tmp_path / "bomb.npz"
    bomb.write_bytes(honest)
    with pytest.raises(MediaTooLarge):
        read_tensors(bomb, "npz")
    honest[size_at : size_at + 4] = struct.pack("<L", 200)
    bomb.write_bytes(honest)
    with pytest.raises(UnsupportedMedia):
        read_tensors(bomb, "npz")


@pytest.mark.parametrize(("kind", "most"), [("npy", MOST_BYTES), ("json", MOST_JSON_BYTES)])
def test_what_is_too_large_is_refused_unread(kind: str, most: int, tmp_path: Path) -> None:
    source = tmp_path / "source"
    with source.open("wb") as sparse:
        sparse.truncate(most + 1)
    with pytest.raises(MediaTooLarge):
        read_tensors(source, kind)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(0, 400), value=st.integers(0, 255))
def test_one_wrong_byte_is_refused_or_harmless(at: int, value: int, tmp_path: Path) -> None:
    content = bytearray(zipped(("x.npy", npy_bytes(np.arange(8.0)))))
    content[at % len(content)] = value
    source = tmp_path / "source"
    source.write_bytes(content)
    try:
        read = read_tensors(source, "npz")
    except RequestError:
        return
    assert sum(tensor.nbytes for tensor in read.values()) <= MOST_BYTES
