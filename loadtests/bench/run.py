"""`make bench`: every figure against its peer in the same run, one JSON line each on standard output."""

import argparse
import signal
import sys
from collections.abc import Mapping, Sequence
from typing import Protocol

from deliveries import measure_deliveries
from echo import measure_latency, measure_throughput
from events import measure_events
from figures import Level, Ratio
from films import measure_films
from inference import measure_inference
from limits import measure_limits
from pictures import measure_pictures
from ramp import measure_ramp
from script_cpu import measure_scripts
from shared_memory import measure_shared_memory
from shots import measure_shots
from submits import measure_backlog, measure_submits
from swaps import measure_swaps
from uploads import measure_uploads


class Benchmark(Protocol):
    """Starts what it needs, measures, and returns its figures; ``children`` are worker children per lane."""

    def __call__(self, *, children: int, rounds: int) -> Sequence[Ratio | Level]: ...


BENCHMARKS: Mapping[str, Benchmark] = {
    "echo": measure_throughput,
    "latency": measure_latency,
    "submits": measure_submits,
    "backlog": measure_backlog,
    "scripts": measure_scripts,
    "limits": measure_limits,
    "events": measure_events,
    "deliveries": measure_deliveries,
    "pictures": measure_pictures,
    "inference": measure_inference,
    "shared_memory": measure_shared_memory,
    "swaps": measure_swaps,
    "ramp": measure_ramp,
    "uploads": measure_uploads,
    "film": measure_films,
    "shots": measure_shots,
}


def main() -> None:
    """Measure what is named, or all of it. An unmet goal is a figure like any other, not a failure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--children", type=int, default=2, help="worker children per lane, on both sides")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of {', '.join(BENCHMARKS)}; default all")
    options = parser.parse_args()
    if unknown := sorted(set(options.names) - set(BENCHMARKS)):
        parser.error(f"no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # stopped by somebody else, too, no stack stays behind
    for name in options.names or BENCHMARKS:
        sys.stderr.write(f"measuring {name}, {options.rounds} rounds\n")
        for figure in BENCHMARKS[name](children=options.children, rounds=options.rounds):
            print(figure.render(), flush=True)


if __name__ == "__main__":
    main()
