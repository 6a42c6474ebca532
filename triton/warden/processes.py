"""Processes as Linux shows them under /proc: who started whom, and what each holds of the memory."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36  # prctl(2)
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
PROC = Path("/proc")
STUB = "triton_python_backend_stub"

# Found before any fork: the child of a process with threads may not look up a library.
_prctl = ctypes.CDLL(None, use_errno=True).prctl


@dataclass(frozen=True)
class Process:
    """One process, a zombie too. ``memory_bytes`` is its resident set."""

    pid: int
    parent: int
    group: int
    name: str
    state: str
    memory_bytes: int


def die_with_parent(signal_number: int) -> None:
    """Ask the kernel to send the signal when the thread that started this process ends."""
    _prctl(PR_SET_PDEATHSIG, signal_number, 0, 0, 0)


def adopt_orphans() -> None:
    """Become the parent of whatever our descendants leave behind, so that it can be found and ended."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def descendants(root: int) -> list[Process]:
    """The process and all that it has started, itself first; empty when it is gone."""
    everyone = {process.pid: process for process in _processes()}
    found = [everyone[root]] if root in everyone else []
    for process in found:  # grows as we go
        found += [child for child in everyone.values() if child.parent == process.pid]
    return found


def model_of(process: Process) -> str:
    """The folder of the model that the process is a stub of: Triton gives a stub the model's file. Else empty."""
    try:
        words = (PROC / str(process.pid) / "cmdline").read_text(errors="replace").split("\0")
    except OSError:  # it has ended while we looked
        return ""
    is_stub = Path(words[0]).name == STUB and len(words) > 1
    return Path(words[1]).parents[1].name if is_stub else ""


def children(parent: int) -> list[Process]:
    """The direct ones."""
    return [process for process in _processes() if process.parent == parent]


def _processes() -> Iterator[Process]:
    for folder in PROC.iterdir():
        if folder.name.isdecimal():
            try:
                yield _read(folder)
            except (FileNotFoundError, ProcessLookupError):  # it has ended while we looked
                continue


def _read(folder: Path) -> Process:
    """The fields of proc(5); the name is in brackets and may hold anything."""
    before, _, after = (folder / "stat").read_text(errors="replace").rpartition(")")
    state, parent, group, *_ = after.split()
    pages = int((folder / "statm").read_text().split()[1])
    name = before.partition("(")[2]
    return Process(int(folder.name), int(parent), int(group), name, state, pages * PAGE_BYTES)
