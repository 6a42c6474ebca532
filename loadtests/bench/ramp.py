"""How soon eight children are busy after one client has submitted enough for all of them, beside what a start costs."""

import time
from collections.abc import Callable
from typing import Any

from backlog import fill
from figures import BenchmarkVoid, Goal, Ratio, measure_in_turn
from plain_http import PlainClient, ask_at_once
from redis import Redis
from stack import Stack, running_stack

from orchestrator.adapters.celery_pulses import CeleryPulses, build_celery
from orchestrator.local.own import PROJECT

CHILDREN = 8
TASKS = 128  # a child of this lane carries sixteen tasks: a hundred would keep only seven children busy
LANE = "io"
CLIENTS = 8
GIVE_UP_S = 60.0
# Nobody is done before the last child has begun, and no CPU is spent meanwhile.
SLOW_ECHO: dict[str, Any] = {"type": "system.echo", "params": {"size_bytes": 64, "delay_ms": 120_000}}


def measure_ramp(*, children: int, rounds: int) -> list[Ratio]:
    """The peer's side is the start itself: as many tasks wait already, and every child is told at once."""
    del children  # the figure is about eight
    runs = measure_in_turn(
        lambda: seconds_to_busy(submit_all), lambda: seconds_to_busy(tell_every_child), rounds=rounds
    )
    return [Ratio("ramp_up", "s", Goal(1.5, at_least=False), runs)]


def seconds_to_busy(begin: Callable[[Stack], None]) -> float:
    """In a stack of its own: children start once."""
    with running_stack(lanes=LANE, workers=CHILDREN) as stack:
        begun = time.perf_counter()
        begin(stack)
        with Redis.from_url(stack.redis) as redis:
            while count_busy(redis) < CHILDREN:
                if time.perf_counter() - begun > GIVE_UP_S:
                    raise BenchmarkVoid(f"{count_busy(redis)} children are busy, not {CHILDREN}")
                time.sleep(0.01)
        took_s = time.perf_counter() - begun
        with stack.plain_client() as client:
            cancel_all(client)  # else the stack would wait for them before it stops
    return took_s


def submit_all(stack: Stack) -> None:
    def submit_share(client: PlainClient) -> None:
        for _ in range(TASKS // CLIENTS):
            client.post("/v1/tasks", SLOW_ECHO)

    ask_at_once(submit_share, connect=stack.plain_client, clients=CLIENTS)


def tell_every_child(stack: Stack) -> None:
    fill(stack.redis, tasks=TASKS, projects=[PROJECT], params=SLOW_ECHO["params"])
    pulses = CeleryPulses(build_celery(stack.redis), stack.redis)
    for _ in range(CHILDREN):
        pulses.ring(LANE)


def cancel_all(client: PlainClient) -> None:
    """Ask until every run has heard of it; asking twice is harmless."""
    while running := client.get("/v1/tasks?status=running&limit=100")["items"]:
        for task in running:
            client.post(f"{task['links']['self']}/cancel", {})
        time.sleep(0.5)


def count_busy(redis: "Redis") -> int:
    """Processes that hold a run: each has a set of its own."""
    return sum(1 for _ in redis.scan_iter("orch:held:*", count=1000))
