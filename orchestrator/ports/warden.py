"""The warden: the process beside one Triton server that may touch its files, its memory and its life (ADR 0046)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Memory:
    """In bytes. Of GPUs when there are any (``is_gpu``), else of the server's processes against the machine's.

    ``host_bytes`` is what the server's processes hold of the host's memory in either case, ``models`` what each release
    holds of ``used_bytes``, as far as the gauge can tell them apart: those in processes of their own, without a GPU.
    ``pools`` are what the server has set aside for itself: ``pinned_pool``, ``cuda_pool`` of all GPUs, and
    ``response_cache``.
    """

    used_bytes: int
    total_bytes: int
    host_bytes: int
    is_gpu: bool = False
    models: Mapping[str, int] = field(default_factory=dict)
    pools: Mapping[str, int] = field(default_factory=dict)


class MemoryGauge(Protocol):
    """Measures."""

    def read(self) -> Memory:
        """What is used now.

        Raises:
            Unavailable: nobody answers.
        """
        ...


class Warden(Protocol):
    """One server's. Every call may raise `Unavailable` when it is away, `Refused` when it says no."""

    def restart(self, reason: str) -> None:
        """End the server, by force if it does not go within its grace, and start it anew; returns at once."""
        ...

    def fetch(self, release: str, *, manifest: Mapping[str, Any], urls: Mapping[str, str]) -> None:
        """Bring the files of the manifest from their ``urls`` (by path) into the repository, whole or not at all.

        Harmless when the folder is there with the same manifest. Returns when it is done.

        Raises:
            Refused: a file is not what the manifest says, a path is unsafe, or the disk is full.
        """
        ...

    def check(self, release: str) -> Mapping[str, Any]:
        """Open the model in a child process and say what it really takes and gives, and what is wrong with it.

        As ``{"inputs": [...], "outputs": [...], "problems": [...]}``, tensors as in the manifest.
        """
        ...

    def releases(self) -> Mapping[str, str]:
        """The pushed releases in the repository, each with its manifest's etag."""
        ...

    def remove(self, release: str) -> None:
        """Delete the folder of a pushed release. Harmless when it is gone."""
        ...
