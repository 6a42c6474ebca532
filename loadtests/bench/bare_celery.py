"""The peer of `echo`: Celery alone with empty tasks, set as carefully as ours is (stack facts A.16).

Run as a script it is the worker: `bare_celery.py --redis URL --children N`.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from celery import Celery
from redis import Redis

BROKER_DB, RESULTS_DB = 14, 15
TASK, QUEUE = "bare.empty", "bare"
STOP_S = 20


@dataclass(frozen=True, slots=True)
class BareCelery:
    """A running worker, and where it takes from and answers to. Only ``caller`` hears of results."""

    publisher: Any
    caller: Any
    results: Redis

    def tasks_per_second(self, *, tasks: int, clients: int) -> float:
        """From the first publish until the last result is stored; ``clients`` threads publish."""
        self.results.flushdb()
        share = tasks // clients
        begun = time.perf_counter()
        with ThreadPoolExecutor(clients) as pool:
            list(pool.map(lambda _: self._publish(share), range(clients)))
        # One key a result: counting keys costs the server nothing, where collecting results would.
        while self.results.dbsize() < share * clients:
            time.sleep(0.02)
        return share * clients / (time.perf_counter() - begun)

    def round_trip_ms(self, *, idle_s: float) -> float:
        """From the publish of one task, after a pause of ``idle_s``, until its result was heard of."""
        time.sleep(idle_s)
        begun = time.perf_counter()
        self.caller.send_task(TASK, queue=QUEUE).get(timeout=STOP_S)
        return (time.perf_counter() - begun) * 1000

    def _publish(self, share: int) -> None:
        for _ in range(share):
            self.publisher.send_task(TASK, queue=QUEUE)


def build_app(redis_url: str, *, stores_results: bool) -> Any:  # noqa: ANN401 - Celery has no types
    """A publisher with a result backend subscribes to each result, a cost that the peer is spared here."""
    backend = database(redis_url, RESULTS_DB) if stores_results else None
    app = Celery(broker=database(redis_url, BROKER_DB), backend=backend)
    app.conf.update(
        task_serializer="json",
        accept_content=["json"],
        task_acks_late=True,
        task_reject_on_worker_lost=False,
        worker_prefetch_multiplier=1,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        broker_connection_retry_on_startup=True,
        result_expires=3600,
        task_default_queue=QUEUE,
    )
    app.task(name=TASK)(do_nothing)
    return app


def do_nothing() -> None:
    """The empty task."""


def database(redis_url: str, number: int) -> str:
    """The same server, another of its databases."""
    return f"{redis_url.rsplit('/', 1)[0]}/{number}"


@contextmanager
def running_celery(redis_url: str, *, children: int) -> Iterator[BareCelery]:
    """A worker that has shown, by a first result, that it is ready."""
    arguments = ["--redis", redis_url, "--children", str(children)]
    worker = subprocess.Popen([sys.executable, __file__, *arguments], stdout=sys.stderr)
    with Redis.from_url(database(redis_url, RESULTS_DB)) as results:
        try:
            publisher, caller = (build_app(redis_url, stores_results=stores) for stores in (False, True))
            celery = BareCelery(publisher, caller, results)
            celery.tasks_per_second(tasks=1, clients=1)
            yield celery
        finally:
            worker.terminate()
            worker.wait(STOP_S)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--redis", required=True)
    parser.add_argument("--children", type=int, required=True)
    options = parser.parse_args()
    arguments = ["--quiet", "worker", f"--concurrency={options.children}", "--loglevel=warning"]
    build_app(options.redis, stores_results=True).worker_main([*arguments, "--without-gossip", "--without-mingle"])


if __name__ == "__main__":
    main()
