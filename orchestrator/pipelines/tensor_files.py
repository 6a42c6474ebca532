"""Tensors as files: `.npz`, `.npy` and JSON in, `.npz` out. Files come from strangers: nothing in them is believed.

No pickle is opened, no size is taken for true before it is compared with the bytes that are there.
"""

import json
import math
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from orchestrator.domain.errors import MediaTooLarge, UnsupportedMedia
from orchestrator.ports.inference import Tensors

# By Triton's names. Texts (BYTES) and BF16 are left out: numpy has neither without objects.
DTYPES: Mapping[str, np.dtype[Any]] = {
    "BOOL": np.dtype(np.bool_),
    **{f"{kind.upper()}{bits}": np.dtype(f"{kind}{bits}") for kind in ("uint", "int") for bits in (8, 16, 32, 64)},
    **{f"FP{bits}": np.dtype(f"float{bits}") for bits in (16, 32, 64)},
}
DATATYPES = {dtype: name for name, dtype in DTYPES.items()}
KINDS: Mapping[str, str] = {"b": "b", "i": "iu", "u": "iu", "f": "iuf"}  # what numpy may read JSON as, for each kind

UNNAMED = ""  # the one tensor of an `.npy`
MOST_BYTES = 256 * 1024**2  # of all tensors of a file, unpacked
MOST_JSON_BYTES = 8 * 1024**2  # a number of two characters takes up to forty bytes until it lies in its tensor
MOST_TENSORS = 64
MOST_DIMENSIONS = 16
MOST_NAME = 256

# A zip file ends with where its directory is; one that is made to look as if it had more is not opened (stack facts F).
END = struct.Struct("<4s4H2LH")
END_MAGIC = b"PK\x05\x06"
END_64_MAGIC = b"PK\x06\x07"
END_64_BYTES = 20
MOST_DIRECTORY_BYTES = 64 * 1024

# What zipfile, numpy and json raise in the middle of a file that was made to hurt.
DAMAGED = (
    *(ValueError, OSError, EOFError, LookupError, TypeError, RuntimeError, ArithmeticError, MemoryError),
    *(zipfile.BadZipFile, zlib.error, struct.error),
)


def read_tensors(source: Path, kind: str) -> Tensors:
    """All tensors of a file of this `MediaFormat` name, by name, in native byte order and C order.

    Raises:
        UnsupportedMedia: it is damaged, or holds something else than numbers.
        MediaTooLarge: unpacked it would be more than `MOST_BYTES`.
    """
    try:
        return READERS[kind](source)
    except DAMAGED as error:
        raise UnsupportedMedia(f"the {kind} file cannot be read", code="decode_failed") from error


def parse_tensors(given: Mapping[str, Any]) -> Tensors:
    """Tensors of their JSON form, ``{name: {"shape": […], "datatype": "FP32", "data": […]}}``; data flat or nested.

    Raises:
        UnsupportedMedia: it is something else, or numbers do not fit their data type.
    """
    if len(given) > MOST_TENSORS:
        raise UnsupportedMedia(f"more than {MOST_TENSORS} tensors")
    return {name: _parse_tensor(name, said) for name, said in given.items()}


def write_tensors(tensors: Tensors, destination: Path) -> None:
    """An `.npz`, not compressed. Not by `numpy.savez`: a tensor may be named as one of its arguments is."""
    with zipfile.ZipFile(destination, "w", zipfile.ZIP_STORED) as archive:
        for name, tensor in tensors.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                npy.write_array(file, np.asanyarray(tensor), allow_pickle=False)


def _read_npz(source: Path) -> Tensors:
    _require_small_directory(source)
    with zipfile.ZipFile(source) as archive:
        members = archive.infolist()
        names = [member.filename.removesuffix(".npy")[:MOST_NAME] for member in members]
        if len(set(names)) < len(names) or any(member.is_dir() for member in members):
            raise UnsupportedMedia("each file of an npz is one tensor with a name of its own")
        if any(member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for member in members):
            raise UnsupportedMedia("an npz is stored or deflated, nothing else")
        # What is unpacked is never more than what is said here: zipfile reads no further.
        if sum(member.file_size for member in members) > MOST_BYTES:
            raise MediaTooLarge(f"the tensors take more than {MOST_BYTES} bytes")
        tensors = {}
        for name, member in zip(names, members, strict=True):
            with archive.open(member) as file:
                tensors[name] = _read_array(file, member.file_size)
        return tensors


def _read_npy(source: Path) -> Tensors:
    size_bytes = source.stat().st_size
    if size_bytes > MOST_BYTES:
        raise MediaTooLarge(f"the tensor takes more than {MOST_BYTES} bytes")
    with source.open("rb") as file:
        return {UNNAMED: _read_array(file, size_bytes)}


def _read_json(source: Path) -> Tensors:
    if source.stat().st_size > MOST_JSON_BYTES:
        raise MediaTooLarge(f"tensors as JSON take at most {MOST_JSON_BYTES} bytes; send an npz")
    return parse_tensors(json.loads(source.read_bytes()))


READERS: Mapping[str, Callable[[Path], Tensors]] = {"npz": _read_npz, "npy": _read_npy, "json": _read_json}


def _require_small_directory(source: Path) -> None:
    """Before `zipfile` reads it: it would make an object of each of a million entries."""
    with source.open("rb") as file:
        at = max(0, source.stat().st_size - END.size - END_64_BYTES)
        file.seek(at)
        tail = file.read()
    magic, *_, count, directory_bytes, _, comment_bytes = END.unpack(tail[-END.size :])
    if magic != END_MAGIC or comment_bytes or tail.startswith(END_64_MAGIC):
        raise UnsupportedMedia("the file is not an npz")
    if count > MOST_TENSORS or directory_bytes > MOST_DIRECTORY_BYTES:
        raise MediaTooLarge(f"an npz has at most {MOST_TENSORS} tensors here")


def _read_array(file: IO[bytes], size_bytes: int) -> NDArray[Any]:
    read_header = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}[npy.read_magic(file)]
    shape, is_fortran, dtype = read_header(file)
    native = dtype.newbyteorder("=")
    if native not in DATATYPES:
        raise UnsupportedMedia("a tensor of an npz or npy holds numbers or booleans")
    if not _is_shape(shape) or math.prod(shape) * dtype.itemsize > size_bytes:
        raise UnsupportedMedia("a tensor is said to be larger than its file")
    flat = np.frombuffer(_read_exactly(file, math.prod(shape) * dtype.itemsize), dtype)
    array = flat.reshape(shape, order="F" if is_fortran else "C")
    return np.asarray(array, native, order="C")


def _read_exactly(file: IO[bytes], size_bytes: int) -> bytes:
    content = file.read(size_bytes)
    if len(content) != size_bytes:
        raise UnsupportedMedia("a tensor is said to be larger than its file")
    return content


def _is_shape(shape: object) -> bool:
    """Without a dimension of nothing: such a tensor asks nothing, and hides how large the others are."""
    return (
        isinstance(shape, tuple)
        and len(shape) <= MOST_DIMENSIONS
        and all(type(size) is int and size > 0 for size in shape)
    )


def _parse_tensor(name: str, said: Mapping[str, Any]) -> NDArray[Any]:
    try:
        shape, dtype, values = tuple(said["shape"]), DTYPES[said["datatype"]], np.asarray(said["data"])
        if not _is_shape(shape) or values.size != math.prod(shape) or values.dtype.kind not in KINDS[dtype.kind]:
            raise ValueError
        if dtype.kind in "iu" and not (np.iinfo(dtype).min <= values.min() and values.max() <= np.iinfo(dtype).max):
            raise ValueError
        with np.errstate(over="raise"):
            return values.astype(dtype).reshape(shape)
    except DAMAGED as error:
        message = "needs a shape, a datatype and as many numbers of that type as data"
        raise UnsupportedMedia(f"tensor {name[:MOST_NAME]!r} {message}") from error
