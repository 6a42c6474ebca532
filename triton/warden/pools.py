"""The memory that Triton sets aside for itself: sized by the operator, the same on a laptop and in a container."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from dataclasses import dataclass

MIB = 1 << 20


class PoolError(Exception):
    """A size that nobody can set aside, in one sentence for the operator."""


@dataclass(frozen=True)
class Pools:
    """In MiB; the first two default to what Triton takes unasked. ``cuda`` is for each of the ``gpus``."""

    pinned: int = 256
    cuda: int = 64
    response_cache: int = 0
    gpus: int = 0

    def flags(self) -> tuple[str, ...]:
        """What tritonserver is told."""
        return (
            f"--pinned-memory-pool-byte-size={self.pinned * MIB}",
            *(f"--cuda-memory-pool-byte-size={gpu}:{self.cuda * MIB}" for gpu in range(self.gpus)),
            *((f"--cache-config=local,size={self.response_cache * MIB}",) if self.response_cache else ()),
        )

    def render(self) -> Mapping[str, int]:
        """In bytes, of all GPUs together. Without any nothing is pinned: that takes a driver."""
        pinned = self.pinned if self.gpus else 0
        sizes = {"pinned_pool": pinned, "cuda_pool": self.cuda * self.gpus, "response_cache": self.response_cache}
        return {name: mib * MIB for name, mib in sizes.items()}


def read_pools(env: Mapping[str, str]) -> Pools:
    """As ``ORCH_MODELS__PINNED_POOL_MIB``, ``…CUDA_POOL_MIB`` and ``…RESPONSE_CACHE_MIB`` say.

    Raises:
        PoolError: one of them is no whole number of MiB.
    """
    default = Pools()
    return Pools(
        _read(env, "PINNED_POOL_MIB", unasked=default.pinned),
        _read(env, "CUDA_POOL_MIB", unasked=default.cuda),
        _read(env, "RESPONSE_CACHE_MIB", unasked=default.response_cache),
        gpus=count_gpus(),
    )


def _read(env: Mapping[str, str], name: str, *, unasked: int) -> int:
    text = env.get(f"ORCH_MODELS__{name}") or str(unasked)
    if not (text.isascii() and text.isdecimal()):
        raise PoolError(f"ORCH_MODELS__{name} must be a whole number of MiB, not {text!r}")
    return int(text)


def count_gpus() -> int:
    """Ask the driver, as Triton will; it heeds CUDA_VISIBLE_DEVICES."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return 0
    count = ctypes.c_int()
    return count.value if driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0 else 0
