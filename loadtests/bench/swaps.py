"""Swaps of a model's releases under a constant load through the whole service: what tasks notice of them.

A round is a calm while and two swaps, there and back. Each fetches, opens, loads, judges, shifts, watches and unloads;
`run.py --rounds 25 swaps` does fifty.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from math import inf
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from typing import Any, Self

import httpx
import numpy as np
from figures import BenchmarkVoid, Goal, Level, Ratio, Run
from shots import TRITON_PYTHON
from stack import running_stack
from steady_load import SteadyLoad

from orchestrator.client import Client, Task
from orchestrator.client.releases import NewRelease

MODEL = "marked"
PER_S = 20.0
CALM_S = 10.0
CANARY, WATCH_S = 50, 0.5
GIVE_UP_S = 120.0
LOOK_EVERY_S = 0.1
READERS = 4
LINES = 20  # of the audit, more than one swap has
P99 = 98  # of the 99 that divide the tasks in hundredths
# The release before goes at once, so that each swap has to load its own.
SETTINGS = {"MODELS__OLD_KEPT": "PT0S", "MODELS__PRELOAD": "echo"}


@dataclass(frozen=True, slots=True)
class SwapSeen:
    """When it was asked for, when its new release began to serve and its old one ceased to, and when it was over."""

    new: str
    old: str
    asked_s: float
    new_serves_s: float
    old_served_s: float
    over_s: float


@dataclass(frozen=True, slots=True)
class TaskSeen:
    """A task that has ended: who answered it by its receipt, and by what the model itself says."""

    task: Task
    due_s: float
    release: str
    mark: str

    @classmethod
    def look(cls, client: Client, storage: httpx.Client, *, task_id: str, due_s: float) -> Self:
        task = client.get(task_id, wait_s=60)
        if not task.has_succeeded or not task.result:
            return cls(task, due_s, "", "")
        (receipt,) = (output for output in task.outputs if output.name == "receipt.json")
        model = json.loads(storage.get(receipt.url).raise_for_status().content)["model"]
        (mark,) = task.result["outputs"]["mark"]["data"]
        return cls(task, due_s, model["release"], f"{MODEL}@{mark}")

    @property
    def took_ms(self) -> float:
        return 1000 * (seconds(self.task.ended_at) - self.due_s)

    def served_by(self, swaps: Sequence[SwapSeen]) -> bool:
        """Whether its release served at any moment between its claim and its end."""
        begun_s, ended_s = seconds(self.task.started_at), seconds(self.task.ended_at)
        return any(since_s <= ended_s and begun_s <= until_s for since_s, until_s in served(self.release, swaps))


def measure_swaps(*, children: int, rounds: int) -> list[Ratio | Level]:
    """p99 of the tasks that were due during a swap ÷ of the others; then what none may be: failed, or told wrongly."""
    with (
        running_stack(lanes="image", workers=children, settings=SETTINGS) as stack,
        Client(stack.api, stack.api_key) as client,
    ):
        push_releases(client)
        load = SteadyLoad(stack.plain_client, ask, PER_S)
        with load.running():
            time.sleep(CALM_S)  # every child has its connections now
            load.due_s.clear()
            swaps = [swap for _ in range(rounds) for swap in go_there_and_back(client)]
        with httpx.Client(timeout=60) as storage, ThreadPoolExecutor(READERS) as pool:
            look = partial(TaskSeen.look, client, storage)
            looks = [pool.submit(look, task_id=task_id, due_s=due_s) for task_id, due_s in load.due_s.items()]
            tasks = [seen.result() for seen in looks]
    failed = [seen for seen in tasks if not seen.task.has_succeeded]
    wrong = [
        seen for seen in tasks if seen.task.has_succeeded and not (seen.release == seen.mark and seen.served_by(swaps))
    ]
    swapping_s = sum(swap.over_s - swap.asked_s for swap in swaps)
    sys.stderr.write(f"{len(tasks)} tasks, {len(swaps)} swaps, together {swapping_s:.0f} s\n")
    sys.stderr.writelines(f"{seen}\n" for seen in [*failed, *wrong])
    none = Goal(0.0, at_least=False)
    return [
        Ratio("swap_p99", "ms", Goal(2.0, at_least=False), [compare(tasks, swaps)]),
        Level("swap_failed", "tasks", none, [float(len(failed))]),
        Level("swap_wrong_release", "tasks", none, [float(len(wrong))]),
    ]


def ask(number: int) -> dict[str, Any]:
    tensor = {"shape": [1, 1], "datatype": "INT32", "data": [number]}
    return {"type": "model.infer", "params": {"model": MODEL, "tensors": {"value": tensor}}}


def push_releases(client: Client) -> None:
    """Two that differ in what they say of themselves. The first serves when it has been judged."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        value = np.array([[7]], np.int32)
        np.savez(folder / "in.npz", allow_pickle=False, value=value)
        for version in (1, 2):
            writer = Path(__file__).with_name("marked_model.py")
            subprocess.run([TRITON_PYTHON, writer, folder / "model.onnx", str(version)], check=True)
            np.savez(folder / "out.npz", allow_pickle=False, same=value, mark=np.array([[version]], np.int32))
            files = {"model.onnx": "model.onnx", "golden/in.npz": "in.npz", "golden/out.npz": "out.npz"}
            golden = {"sample": "golden/in.npz", "expected": "golden/out.npz", "metric": "exact"}
            new = NewRelease({path: folder / file for path, file in files.items()}, goldens=[golden])
            client.models.releases.push(MODEL, new, version=version)
            await_end(client)


def go_there_and_back(client: Client) -> Iterator[SwapSeen]:
    time.sleep(CALM_S)
    for version in (2, 1):
        asked_s = time.time()
        client.models.swaps.begin(MODEL, version, canary=CANARY, watch_s=WATCH_S)
        swap_id = await_end(client)
        lines = [line for line in client.models.swaps.audit(MODEL, limit=LINES) if line.swap_id == swap_id]
        at = {line.step: seconds(line.at) for line in lines}
        yield SwapSeen(lines[0].new, lines[0].old, asked_s, at["shifting"], at["watching"], time.time())


def await_end(client: Client) -> str:
    """Until the last swap has unloaded what it has replaced; its id."""
    give_up_s = time.monotonic() + GIVE_UP_S
    while True:
        swap = client.models.swaps.get(MODEL)
        if swap.step == "verified":
            return swap.id
        if swap.fault or time.monotonic() > give_up_s:
            raise BenchmarkVoid(f"{swap.new} does not take the place of {swap.old}: {swap.step}, {swap.reason}")
        time.sleep(LOOK_EVERY_S)


def served(release: str, swaps: Sequence[SwapSeen]) -> Iterator[tuple[float, float]]:
    """Since when and until when it had a share of the runs, each time."""
    since_s = 0.0 if release == swaps[0].old else inf
    for swap in swaps:
        if swap.new == release:
            since_s = swap.new_serves_s
        if swap.old == release:
            yield since_s, swap.old_served_s
            since_s = inf
    if since_s < inf:
        yield since_s, inf


def compare(tasks: Sequence[TaskSeen], swaps: Sequence[SwapSeen]) -> Run:
    """The hundredth-slowest of those that were due during a swap, and of the others."""
    during, calm = list[float](), list[float]()
    for seen in tasks:
        is_during = any(swap.asked_s <= seen.due_s <= swap.over_s for swap in swaps)
        (during if is_during else calm).append(seen.took_ms)
    return Run(ours=quantiles(during, n=100)[P99], peer=quantiles(calm, n=100)[P99])


def seconds(moment: datetime | None) -> float:
    if moment is None:
        raise BenchmarkVoid("a task that has not even begun")
    return moment.timestamp()
