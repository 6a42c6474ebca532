"""What a task costs: CPU of every part, and commands to Redis. For a stack that is running; `docs/performance.md`.

Counts and CPU seconds, unlike wall time, say much the same on a busy machine.
"""

import argparse
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from echo import CLIENTS, ECHO
from pictures import IN_FLIGHT, POLL_S, make_png
from plain_http import PlainClient, ask_at_once
from redis import Redis
from stack import Stack, await_idle, read_stack, run_task, upload

LEAST_SHOWN = 0.01
TICKS_PER_S = os.sysconf("SC_CLK_TCK")

Counts = Mapping[str, float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state", type=Path, default=Path(".orchestrator"), help="folder of the running stack")
    parser.add_argument("--tasks", type=int, default=400)
    parser.add_argument("--side", type=int, default=64, help="pixels of the picture's side")
    parser.add_argument("kind", choices=("echo", "picture"))
    options = parser.parse_args()
    stack = read_stack(options.state)
    work = echoes(stack) if options.kind == "echo" else pictures(stack, side=options.side)
    work(CLIENTS * 2)  # models, connections and caches are warm
    before = {**cpu_seconds(stack), **commands(stack)}
    work(options.tasks)
    after = {**cpu_seconds(stack), **commands(stack)}
    print(json.dumps(per_task(before, after, tasks=options.tasks), indent=1))


def echoes(stack: Stack) -> Callable[[int], None]:
    """Submit, then wait; nobody polls meanwhile."""

    def run(count: int) -> None:
        def submit_share(client: PlainClient) -> None:
            for _ in range(count // CLIENTS):
                client.post("/v1/tasks", ECHO)

        ask_at_once(submit_share, connect=stack.plain_client, clients=CLIENTS)
        with stack.plain_client() as client:
            await_idle(client)

    return run


def pictures(stack: Stack, *, side: int) -> Callable[[int], None]:
    """As `pictures.py` measures them: every client has one in flight and polls."""
    with stack.client() as client:
        key = upload(client, make_png(side), filename=f"{side}.png", content_type="image/png")
    task = {"type": "image.upscale", "input": {"object": key}}

    def run(count: int) -> None:
        def upscale_share(client: PlainClient) -> None:
            for _ in range(count // IN_FLIGHT):
                run_task(client, task, poll_s=POLL_S)

        ask_at_once(upscale_share, connect=stack.plain_client, clients=IN_FLIGHT)

    return run


def cpu_seconds(stack: Stack) -> dict[str, float]:
    """User and system seconds of every part with its children, and of this client."""
    times = os.times()
    spent = {"cpu_ms client": times.user + times.system}
    return spent | {f"cpu_ms {part}": tree_seconds(pid) for part, pid in stack.processes.items()}


def tree_seconds(pid: int) -> float:
    """Of the process, the children it has and those it had (proc(5), stat: fields 14 to 17)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        threads = Path(f"/proc/{pid}/task").iterdir()
        children = [int(child) for thread in threads for child in (thread / "children").read_text().split()]
    except FileNotFoundError:
        return 0.0  # it ended meanwhile: its parent has its time
    return sum(map(int, stat[11:15])) / TICKS_PER_S + sum(map(tree_seconds, children))


def commands(stack: Stack) -> dict[str, float]:
    """How often clients called each command, scripts by name; calls from inside a script are no round trips."""
    with Redis.from_url(stack.redis, decode_responses=True) as redis:
        stats: dict[str, Any] = redis.info("commandstats")
        total: dict[str, Any] = redis.info("stats")
    calls = {f"calls {name.removeprefix('cmdstat_')}": float(row["calls"]) for name, row in stats.items()}
    return calls | {"commands": float(total["total_commands_processed"])}


def per_task(before: Counts, after: Counts, *, tasks: int) -> dict[str, float]:
    """The difference by task, CPU in milliseconds, without what is next to nothing."""
    scale = {name: 1000.0 if name.startswith("cpu_ms") else 1.0 for name in after}
    found = {name: scale[name] * (after[name] - before.get(name, 0.0)) / tasks for name in after}
    return {name: round(value, 2) for name, value in sorted(found.items()) if value >= LEAST_SHOWN}


if __name__ == "__main__":
    main()
