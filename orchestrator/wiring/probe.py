"""The probe of this node's workers, and the names under which its processes sign in the store."""

from pathlib import Path

from orchestrator.adapters.linux_processes import LinuxProcesses
from orchestrator.adapters.sign_files import SignFiles
from orchestrator.adapters.system_clock import SystemClock
from orchestrator.services.workers.tell_worker import TellWorker


def build_worker_signs(scratch_dir: Path) -> SignFiles:
    """Beside the folders of runs, in the one place where a worker may always write."""
    return SignFiles(scratch_dir / "alive", LinuxProcesses())


def build_tell_worker(scratch_dir: Path) -> TellWorker:
    return TellWorker(build_worker_signs(scratch_dir), SystemClock())


def name_instance(part: str, pid: int) -> str:
    """A process of this node, so that none of several of a part signs for another."""
    return f"{part}:{LinuxProcesses().node}:{pid}"
