"""What all limits cost a submit, a hundred a second: two stacks side by side, one with every limit and one with none.

No worker takes from the lane. The rate is kept whatever the answers take, so that a slow one delays nobody's start but
shows in its own time.
"""

import threading
import time
from collections.abc import Callable, Sequence
from itertools import count
from statistics import quantiles

from echo import ECHO
from figures import Goal, Ratio, Run
from plain_http import PlainClient, ask_at_once
from stack import running_stack

Door = Callable[[], PlainClient]

PER_S, SECONDS, CLIENTS = 100, 20, 8  # 2,000 submits a round and side: the slowest hundredth is twenty of them
OTHER_LANE = "audio"
P50, P99 = 49, 98  # of the 99 that divide the answers in hundredths

# So high that nothing is refused: every check is made, and every count is kept.
ALL = {
    "LIMITS__REQUESTS_PER_S": "5000",
    "LIMITS__KEY_REQUESTS_PER_S": "2500",
    "LIMITS__MAX_RUNNING": "1000",
    "LIMITS__MAX_QUEUED": "1000000",
    "LIMITS__GPU_S_PER_HOUR": "1000000",
    "LIMITS__MAX_BYTES": "1000000000000",
    "LIMITS__LANE_TASKS": "1000000",
    "LIMITS__LANE_WAIT": "P30D",
}
NONE = dict.fromkeys(ALL, "none")


def measure_limits(*, children: int, rounds: int) -> list[Ratio]:
    """The median and the hundredth-slowest submit of each round: "ours" has all limits, "peer" none."""
    with (
        running_stack(lanes=OTHER_LANE, workers=children, settings=ALL) as limited,
        running_stack(lanes=OTHER_LANE, workers=children, settings=NONE) as free,
    ):
        doors = [limited.plain_client, free.plain_client]
        for door in doors:
            submit_ms(door, seconds=1)  # warm
        rows = [in_turn(doors, first=number % 2) for number in range(rounds)]
    goal = Goal(1.25, at_least=False)
    return [
        Ratio(name, "ms", goal, [Run(ours=ours[hundredth], peer=peer[hundredth]) for ours, peer in rows])
        for name, hundredth in (("submit_limits_p50", P50), ("submit_limits_p99", P99))
    ]


def in_turn(doors: Sequence[Door], *, first: int) -> list[list[float]]:
    """The hundredths of both doors, in their order, of which that numbered ``first`` was measured first."""
    order = [first, 1 - first]
    found = {number: quantiles(submit_ms(doors[number], seconds=SECONDS), n=100) for number in order}
    return [found[0], found[1]]


def submit_ms(door: Door, *, seconds: int) -> list[float]:
    """How long each of so many seconds' submits took, from the moment at which it was due."""
    numbers, lock, taken = count(), threading.Lock(), list[float]()
    begun = time.perf_counter()

    def submit_when_due(client: PlainClient) -> None:
        while True:
            with lock:
                number = next(numbers)
            if number >= PER_S * seconds:
                return
            due = begun + number / PER_S
            time.sleep(max(0.0, due - time.perf_counter()))
            client.post("/v1/tasks", ECHO)
            taken.append((time.perf_counter() - due) * 1000)

    ask_at_once(submit_when_due, connect=door, clients=CLIENTS)
    return taken
