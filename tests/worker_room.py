"""A real keeper and real workers on a store of records: processes to be killed, hung and frozen."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any, cast

from processes import wait_for
from record_store import new_task
from verdict import Store, await_all, held_by

from orchestrator.adapters.redis.connection import WORKER, connect
from orchestrator.adapters.redis.intake import RedisIntake
from orchestrator.adapters.redis.scripts import Scripts
from orchestrator.local.loopback import pick_ports
from orchestrator.local.own import WorkerProbe
from orchestrator.local.part import NotReady

ROOT = Path(__file__).resolve().parents[1]
KEEPER = ("-m", "orchestrator", "keeper")
HANGING_WORKER = (str(ROOT / "tests" / "hanging_worker.py"),)


@dataclass
class WorkerRoom:
    """Lane `io`; every worker has two children of 16 slots. ``settings`` are `ORCH_*` without the prefix.

    ``parent`` is the pid of the worker that the room began with.
    """

    url: str
    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    parent: int = 0

    def __post_init__(self) -> None:
        self.store = cast("Store", connect(self.url, WORKER))
        self._numbers = count(1)

    def submit(self, count: int, **params: Any) -> list[str]:  # noqa: ANN401 - of `system.echo`
        intake, tasks = RedisIntake(Scripts(self.store)), range(count)
        asked = [replace(new_task(f"t{next(self._numbers)}"), params=params) for _ in tasks]
        return [intake.submit(task).task_id for task in asked]

    def await_running(self, ids: Sequence[str], *, children: int = 1) -> None:
        """Return when all of them run, have beaten, and as many children hold them."""

        def run() -> bool:
            told = [self.store.hmget(f"orch:task:{task_id}", ["status", "beaten"]) for task_id in ids]
            return told == [["running", "1"]] * len(ids) and len(held_by(self.store)) == children

        wait_for(run)

    def await_ready(self, parent: int) -> None:
        wait_for(lambda: self.hears(parent))

    def hears(self, parent: int) -> bool:
        try:
            WorkerProbe(self.folder / "scratch")(parent)
        except NotReady:
            return False
        return True

    def ask_alive(self) -> subprocess.CompletedProcess[str]:
        """What the probe of a container says; it knows where the scratch folder is, and no server."""
        env = {**os.environ, "ORCH_WORKER__SCRATCH_DIR": str(self.folder / "scratch")}
        command = (sys.executable, "-m", "orchestrator", "alive")
        return subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)

    def await_all(self, ids: Sequence[str], *, within_s: float) -> None:
        await_all(self.store, ids, within_s=within_s)

    def read(self, task_id: str, name: str) -> str | None:
        return self.store.hget(f"orch:task:{task_id}", name)

    def cancel(self, task_id: str) -> None:
        RedisIntake(Scripts(self.store)).cancel("film-a", task_id)

    def threads_of(self, pid: int) -> int:
        return len(list(Path(f"/proc/{pid}/task").iterdir()))

    def scratch_of(self, pid: int) -> list[Path]:
        return list((self.folder / "scratch").glob(f"*:{pid}:*"))

    def log(self, part: str) -> str:
        return (self.folder / f"{part}.log").read_text()

    @contextmanager
    def running(self, name: str, *words: str) -> Iterator[subprocess.Popen[bytes]]:
        """A part of the service in a session of its own, dead with all its children when the block is left."""
        env = {f"ORCH_{key}": value for key, value in self.settings.items()}
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                (sys.executable, *(words or HANGING_WORKER)),
                env={**os.environ, **env, "ORCH_REDIS__URL": self.url},
                stdout=log,
                stderr=log,
                cwd=ROOT,
                start_new_session=True,
            )
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


@contextmanager
def worker_room(url: str, folder: Path, **settings: str) -> Iterator[WorkerRoom]:
    """A room with a keeper and one worker that is ready."""
    told = {"KEEPER__METRICS_PORT": str(pick_ports(1)[0]), "WORKER__SCRATCH_DIR": str(folder / "scratch"), **settings}
    room = WorkerRoom(url, folder, told)
    with ExitStack() as stack:
        stack.callback(room.store.close)
        stack.enter_context(room.running("keeper", *KEEPER))
        room.parent = stack.enter_context(room.running("worker")).pid
        room.await_ready(room.parent)
        yield room
