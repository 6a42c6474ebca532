"""`system.echo`, HTTP to commit, beside bare Celery's empty task: tasks a second, and the time of a single one."""

import time
from statistics import median
from typing import Any

from bare_celery import running_celery
from figures import Goal, Ratio, measure_in_turn
from plain_http import PlainClient, ask_at_once
from redis import Redis
from stack import Stack, await_idle, run_task, running_stack

TASKS, CLIENTS = 2000, 8
ENDED = "orch:ended"
SINGLES = 10
IDLE_S = 1.2  # longer than a child waits for more work: the next task finds everybody asleep
POLL_S = 0.002
ECHO: dict[str, Any] = {"type": "system.echo", "params": {"size_bytes": 64}}


def measure_throughput(*, children: int, rounds: int) -> list[Ratio]:
    """Both on the same Valkey, with as many children, from the first submit to the last result."""
    with running_stack(lanes="io", workers=children) as stack, stack.plain_client() as client:
        run_task(client, ECHO, poll_s=0.05)  # the model is loaded now
        with running_celery(stack.redis, children=children) as celery:
            runs = measure_in_turn(
                lambda: echoes_per_second(stack),
                lambda: celery.tasks_per_second(tasks=TASKS, clients=CLIENTS),
                rounds=rounds,
            )
    return [Ratio("echo_throughput", "tasks/s", Goal(1.0, at_least=True), runs)]


def measure_latency(*, children: int, rounds: int) -> list[Ratio]:
    """One task at a time, each of which finds both services idle; the median of a round."""
    with running_stack(lanes="io", workers=children) as stack, stack.plain_client() as client:
        run_task(client, ECHO, poll_s=0.05)
        with running_celery(stack.redis, children=children) as celery:
            runs = measure_in_turn(
                lambda: median_idle_echo_ms(stack),
                lambda: median(celery.round_trip_ms(idle_s=IDLE_S) for _ in range(SINGLES)),
                rounds=rounds,
            )
    return [Ratio("echo_latency", "ms", Goal(3.0, at_least=False), runs)]


def echoes_per_second(stack: Stack) -> float:
    def submit_share(client: PlainClient) -> None:
        for _ in range(TASKS // CLIENTS):
            client.post("/v1/tasks", ECHO)

    with Redis.from_url(stack.redis) as store:
        ended_before = store.zcard(ENDED)
        begun = time.perf_counter()
        ask_at_once(submit_share, connect=stack.plain_client, clients=CLIENTS)
        # Counted in the store, as the peer's results are: asking over HTTP would be work of the benchmark's making.
        while store.zcard(ENDED) < ended_before + TASKS:
            time.sleep(0.02)
        elapsed_s = time.perf_counter() - begun
    with stack.plain_client() as client:
        await_idle(client)
    return TASKS / elapsed_s


def median_idle_echo_ms(stack: Stack) -> float:
    """On a connection of this round: the front door hangs up on one that was idle while the peer was measured."""
    with stack.plain_client() as client:
        return median(idle_echo_ms(client) for _ in range(SINGLES))


def idle_echo_ms(client: PlainClient) -> float:
    time.sleep(IDLE_S)
    begun = time.perf_counter()
    run_task(client, ECHO, poll_s=POLL_S)
    return (time.perf_counter() - begun) * 1000
