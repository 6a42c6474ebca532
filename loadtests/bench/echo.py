"""`echo` tasks a second through the whole service, HTTP to commit, divided by bare Celery's empty tasks a second."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from urllib.parse import urlsplit

from bare_celery import running_celery
from figures import Goal, Ratio, measure_in_turn
from stack import BenchmarkVoid, Stack, has_tasks, run_task

TASKS, CLIENTS = 2000, 8
ECHO = {"type": "system.echo", "params": {"size_bytes": 64}}
ACCEPTED = 202


def measure_echo(stack: Stack, *, children: int, rounds: int) -> Ratio:
    """Both on the same Valkey, with as many children, from the first submit to the last result."""
    with running_celery(stack.redis, children=children) as celery, stack.client() as client:
        run_task(client, ECHO, poll_s=0.05)  # the model is loaded now
        runs = measure_in_turn(
            lambda: echoes_per_second(stack),
            lambda: celery.tasks_per_second(tasks=TASKS, clients=CLIENTS),
            rounds=rounds,
        )
    return Ratio("echo_throughput", "tasks/s", Goal(1.0, at_least=True), runs)


def echoes_per_second(stack: Stack) -> float:
    begun = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(lambda _: submit_share(stack, TASKS // CLIENTS), range(CLIENTS)))
    with stack.client() as client:
        while has_tasks(client, "queued") or has_tasks(client, "running"):
            time.sleep(0.05)
        elapsed_s = time.perf_counter() - begun
        if has_tasks(client, "failed"):
            raise BenchmarkVoid("some echo failed")
    return TASKS / elapsed_s


def submit_share(stack: Stack, share: int) -> None:
    """Submit over one kept connection of the standard library: the client shares the machine, so it has to be cheap."""
    headers = {"Authorization": f"Bearer {stack.api_key}", "Content-Type": "application/json"}
    with closing(HTTPConnection(urlsplit(stack.api).netloc, timeout=30)) as connection:
        for _ in range(share):
            connection.request("POST", "/v1/tasks", body=json.dumps(ECHO), headers=headers)
            response = connection.getresponse()
            body = response.read()
            if response.status != ACCEPTED:
                raise BenchmarkVoid(f"a submit was answered {response.status}: {body.decode(errors='replace')}")
