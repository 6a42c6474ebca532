"""A worker that is started for a pool runs the tasks of its projects, and no other worker does."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from live_stack import ROOT, LiveStack
from processes import wait_for

from orchestrator.client import Client

LANE = "io@stage-1"


@contextmanager
def pool_worker(stack: LiveStack, folder: Path) -> Iterator[None]:
    """A worker of the pool's lane, told what the stack's own ones are told."""
    environ = Path(f"/proc/{stack.pid('worker-io')}/environ").read_bytes()
    env = dict(os.fsdecode(pair).split("=", 1) for pair in environ.split(b"\0") if pair)
    words = (sys.executable, "-m", "orchestrator", "worker", "--lane", LANE)
    own = {"ORCH_WORKER__SCRATCH_DIR": str(folder), "ORCH_WORKER__CONCURRENCY": "1"}
    with (folder / "worker.log").open("wb") as log:
        process = subprocess.Popen(words, env={**env, **own}, stdout=log, stderr=log, cwd=ROOT)
    try:
        yield
        process.terminate()
        assert process.wait(timeout=30) == 0, (folder / "worker.log").read_text()
    finally:
        if process.poll() is None:
            process.kill()


def test_a_worker_of_a_pool(stack: LiveStack, tmp_path: Path) -> None:
    stack.show("projects", "set", "film-p", "pool=stage-1")
    key = stack.show("keys", "create", "--project", "film-p", "--scope", "tasks:write")["key"]
    with Client(stack.about["api"], key) as client:
        task = client.submit("system.echo")
        assert task.queue
        assert task.queue.no_worker == LANE
        wait_for(lambda: "stage-1" in stack.http.get("/readyz").json()["warnings"].get("workers", ""))
        assert client.get(task.id).status == "queued", "the workers of everybody leave it alone"
        with pool_worker(stack, tmp_path):
            done = client.wait(task.id, timeout_s=30)
            assert done.status == "succeeded"
            served = client.submit("system.echo")
            assert served.queue
            assert served.queue.no_worker is None
            assert client.wait(served.id, timeout_s=30).status == "succeeded"
        stack.show("projects", "set", "film-p", "pool=null")
        assert client.wait(client.submit("system.echo").id, timeout_s=30).status == "succeeded"
