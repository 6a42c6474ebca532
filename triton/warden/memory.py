"""What the server holds of the machine's memory, and of its GPUs' when there are any."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from pathlib import Path

from warden.processes import Process, descendants, model_of

BYTES_PER_KIB = 1024
CGROUP_LIMITS = ("memory.max", "memory/memory.limit_in_bytes")  # of version 2 and of version 1


class _NvmlMemory(ctypes.Structure):
    """`nvmlMemory_t` of NVML's documentation."""

    _fields_ = (("total", ctypes.c_ulonglong), ("free", ctypes.c_ulonglong), ("used", ctypes.c_ulonglong))


def read_memory(server: int) -> Mapping[str, object]:
    """As `GET /memory` answers. A GPU's figures are the driver's: of everybody who uses it."""
    processes, gpus = descendants(server), read_gpus()
    host_bytes = sum(process.memory_bytes for process in processes)
    return {
        "is_gpu": bool(gpus),
        "used_bytes": sum(gpu["used_bytes"] for gpu in gpus) if gpus else host_bytes,
        "total_bytes": sum(gpu["total_bytes"] for gpu in gpus) if gpus else machine_bytes(),
        "host_bytes": host_bytes,
        "processes": [_render(process) for process in processes],
        "gpus": gpus,
    }


def _render(process: Process) -> dict[str, object]:
    """``model`` is empty for what is nobody's stub."""
    said = {"pid": process.pid, "name": process.name, "model": model_of(process)}
    return {**said, "bytes": process.memory_bytes}


def machine_bytes(root: Path = Path("/")) -> int:
    """What this machine, or the container, has."""
    lines = (root / "proc/meminfo").read_text().splitlines()
    (kib,) = (int(line.split()[1]) for line in lines if line.startswith("MemTotal:"))
    return min([kib * BYTES_PER_KIB, *_cgroup_limits(root / "sys/fs/cgroup")])


def _cgroup_limits(folder: Path) -> list[int]:
    texts = [(folder / name).read_text().strip() for name in CGROUP_LIMITS if (folder / name).is_file()]
    return [int(text) for text in texts if text.isdecimal()]  # else it is "max"


def read_gpus() -> list[dict[str, int]]:
    """Used and total of each GPU by NVIDIA's own library, which takes a millisecond; none without a driver."""
    try:
        nvml = ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        return []
    count = ctypes.c_uint()
    if nvml.nvmlInit_v2() != 0:
        return []
    try:
        nvml.nvmlDeviceGetCount_v2(ctypes.byref(count))
        return [_read_gpu(nvml, index) for index in range(count.value)]
    finally:
        nvml.nvmlShutdown()


def _read_gpu(nvml: ctypes.CDLL, index: int) -> dict[str, int]:
    device, memory = ctypes.c_void_p(), _NvmlMemory()
    nvml.nvmlDeviceGetHandleByIndex_v2(ctypes.c_uint(index), ctypes.byref(device))
    nvml.nvmlDeviceGetMemoryInfo(device, ctypes.byref(memory))
    return {"index": index, "used_bytes": memory.used, "total_bytes": memory.total}
