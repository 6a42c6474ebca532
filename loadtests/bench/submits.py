"""Submits a second beside a bare route, and what a backlog of 100,000 tasks does to a submit and to a claim.

No worker takes from the lane here: what is measured is the front door and the store.
"""

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from backlog import fill
from bare_celery import database
from bare_route import running_route
from echo import ECHO
from figures import Goal, Ratio, Run, measure_in_turn
from plain_http import PlainClient, ask_at_once
from stack import Stack, running_stack

from orchestrator.adapters.redis.claims import RedisClaims
from orchestrator.adapters.redis.connection import WORKER, connect
from orchestrator.adapters.redis.scripts import Scripts
from orchestrator.ports.claims import Commit

SUBMITS, CLIENTS = 2000, 8
OTHER_LANE = "audio"
BARE_DB = 13
LEASE_MS = 30_000
QUEUED = 100_000
PROJECTS = [f"film-{number}" for number in range(100)]
SAMPLES = 100


def measure_submits(*, children: int, rounds: int) -> list[Ratio]:
    """The same client, as many connections, the same Valkey (AOF `always`)."""
    with (
        running_stack(lanes=OTHER_LANE, workers=children) as stack,
        running_route(database(stack.redis, BARE_DB)) as bare,
    ):
        runs = measure_in_turn(
            lambda: posts_per_second(stack.plain_client, "/v1/tasks"),
            lambda: posts_per_second(lambda: PlainClient(bare), "/records"),
            rounds=rounds,
        )
    return [Ratio("submit_rate", "submits/s", Goal(0.5, at_least=True), runs)]


def measure_backlog(*, children: int, rounds: int) -> list[Ratio]:
    """Two stacks side by side, one of them full: "ours" is the full one, "peer" the empty one."""
    with (
        running_stack(lanes=OTHER_LANE, workers=children) as full,
        running_stack(lanes=OTHER_LANE, workers=children) as empty,
    ):
        fill(full.redis, tasks=QUEUED, projects=PROJECTS, params=ECHO["params"])
        doors = [Door(stack) for stack in (full, empty)]
        for door in doors:
            door.sample()  # warm
        submits: list[Run] = []
        claims: list[Run] = []
        for number in range(rounds):
            seen = in_turn(doors, first=number % 2)
            submits.append(Run(ours=seen[0].submit_ms, peer=seen[1].submit_ms))
            claims.append(Run(ours=seen[0].claim_ms, peer=seen[1].claim_ms))
    goal = Goal(1.2, at_least=False)
    return [Ratio("submit_latency_backlog", "ms", goal, submits), Ratio("claim_latency_backlog", "ms", goal, claims)]


@dataclass(frozen=True, slots=True)
class Latency:
    """Medians."""

    submit_ms: float
    claim_ms: float


@dataclass(frozen=True, slots=True)
class Door:
    """The ways into and out of one stack's store."""

    stack: Stack

    def sample(self) -> Latency:
        """Submit over HTTP and claim from Redis by turns: the length of the queue stays what it was."""
        client = connect(self.stack.redis, WORKER)
        claims = RedisClaims(Scripts(client), LEASE_MS)
        submit_ms, claim_ms = [], []
        with self.stack.plain_client() as http:
            for _ in range(SAMPLES):
                begun = time.perf_counter()
                http.post("/v1/tasks", ECHO)
                submitted = time.perf_counter()
                claimed = claims.claim("io", "bench", run_ids=[secrets.token_hex(8)])
                ended = time.perf_counter()
                submit_ms.append((submitted - begun) * 1000)
                claim_ms.append((ended - submitted) * 1000)
                for run in claimed.runs:
                    claims.finish(run, Commit((), {}, {}, actual_s=run.task.predicted_s))
        client.close()
        return Latency(median(submit_ms), median(claim_ms))


def in_turn(doors: Sequence[Door], *, first: int) -> list[Latency]:
    """One sample of each door, that numbered ``first`` first."""
    order = [*range(first, len(doors)), *range(first)]
    found = {number: doors[number].sample() for number in order}
    return [found[number] for number in range(len(doors))]


def posts_per_second(connect_client: Callable[[], PlainClient], path: str) -> float:
    def submit_share(client: PlainClient) -> None:
        for _ in range(SUBMITS // CLIENTS):
            client.post(path, ECHO)

    begun = time.perf_counter()
    ask_at_once(submit_share, connect=connect_client, clients=CLIENTS)
    return SUBMITS / (time.perf_counter() - begun)
