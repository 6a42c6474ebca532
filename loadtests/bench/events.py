"""From a run's progress to the clients that follow it, with 200 streams open, and what those streams cost a submit.

The worker is a child as ours is, with a beat thread over 16 runs that report now and then, without the models. The
audience and the client that submits have a process each: they share the machine with the service, and nothing else.
"""

import random
import secrets
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median, quantiles

from audience import PROCESSES, Audience
from echo import ECHO
from figures import BenchmarkVoid, Goal, Level, Ratio, Run
from stack import Stack, running_stack

from orchestrator.adapters.redis.claims import RedisClaims
from orchestrator.adapters.redis.connection import WORKER, connect
from orchestrator.adapters.redis.scripts import Scripts
from orchestrator.adapters.system_clock import SystemClock
from orchestrator.domain.task import Progress
from orchestrator.pipelines.run_watch import RunWatch
from orchestrator.services.runs.beat import BeatRuns

OTHER_LANE = "audio"
STREAMS, RUNS = 200, 16
REPORTS = 30  # of each run and round
PAUSE_S = (
    0.2,
    1.0,
)  # between two reports: some come sooner than news may leave, and are overtaken
SUBMITS = 150
LEASE_MS = 30_000


def measure_events(*, children: int, rounds: int) -> list[Level | Ratio]:
    """Each round: submits with no stream open, then beside 200 streams and all that goes through them."""
    delays_ms: list[list[float]] = []
    submits: list[Run] = []
    with (
        running_stack(lanes=OTHER_LANE, workers=children) as stack,
        working_child(stack) as child,
        ProcessPoolExecutor(1, mp_context=PROCESSES) as submitter,
    ):
        submitter.submit(submit_ms, stack).result()  # warm
        for _ in range(rounds):
            child.reported_s.clear()  # what the last round left is told again to whoever comes now
            alone_ms = submitter.submit(submit_ms, stack).result()
            with Audience(stack, child.task_ids) as audience, ThreadPoolExecutor(RUNS) as pool:
                reporting = [pool.submit(child.report, watch) for watch in child.watches]
                beside_ms = submitter.submit(submit_ms, stack).result()
                for each in reporting:
                    each.result()
            delays_ms.append(child.delays_ms(audience))
            submits.append(Run(ours=beside_ms, peer=alone_ms))
    return [
        Level("progress_latency", "ms", Goal(150, at_least=False), [median(delays) for delays in delays_ms]),
        Level("progress_latency_p99", "ms", Goal(1000, at_least=False), [quantiles(d, n=100)[98] for d in delays_ms]),
        Ratio("submit_latency_streams", "ms", Goal(1.25, at_least=False), submits),
    ]


@dataclass(frozen=True)
class Child:
    """Reports progress of its runs, and remembers when. Every report has a number of its own."""

    task_ids: list[str]
    watches: list[RunWatch]
    reported_s: dict[int, float] = field(default_factory=dict)

    def report(self, watch: RunWatch) -> None:
        for _ in range(REPORTS):
            number = secrets.randbits(48)
            self.reported_s[number] = time.perf_counter()
            watch.report(Progress("infer", 0.5, done=number, total=2**48))
            time.sleep(random.uniform(*PAUSE_S))

    def delays_ms(self, audience: Audience) -> list[float]:
        """Of the reports that arrived; a report that was overtaken by the next never leaves."""
        found = [(audience.seen_s[n] - s) * 1000 for n, s in self.reported_s.items() if n in audience.seen_s]
        if len(found) < RUNS * REPORTS / 3:
            raise BenchmarkVoid(f"only {len(found)} of {RUNS * REPORTS} reports arrived")
        return found


@contextmanager
def working_child(stack: Stack) -> Iterator[Child]:
    """Two hundred tasks, the first of them running here."""
    with stack.plain_client() as http:
        task_ids = [http.post("/v1/tasks", ECHO)["id"] for _ in range(STREAMS)]
    client = connect(stack.redis, WORKER)
    claims = RedisClaims(Scripts(client), LEASE_MS)
    beats = BeatRuns(claims, SystemClock())
    threading.Thread(target=beats.beat_forever, name="beats", daemon=True).start()
    runs = claims.claim("io", "bench", run_ids=[secrets.token_hex(8) for _ in range(RUNS)]).runs
    watches = [beats.watch(run) for run in runs]
    try:
        yield Child(task_ids, watches)
    finally:
        for watch in watches:
            beats.forget(watch)
        client.close()


def submit_ms(stack: Stack) -> float:
    """The median of submits one after the other."""
    took_ms = []
    with stack.plain_client() as http:
        for _ in range(SUBMITS):
            begun = time.perf_counter()
            http.post("/v1/tasks", ECHO)
            took_ms.append((time.perf_counter() - begun) * 1000)
    return median(took_ms)
