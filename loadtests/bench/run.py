"""`make bench`: every figure against its peer in the same run, one JSON line each on standard output."""

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from echo import measure_echo
from figures import Ratio
from shots import measure_shots
from stack import Stack, running_stack

SCRATCH = Path(__file__).resolve().parents[2] / ".bench"

Benchmark = Callable[[Stack, argparse.Namespace], Ratio]
BENCHMARKS: Mapping[str, Benchmark] = {
    "echo": lambda stack, options: measure_echo(stack, children=options.children, rounds=options.rounds),
    "shots": lambda stack, options: measure_shots(stack, rounds=options.rounds),
}


def main() -> None:
    """Measure what is named, or all of it. An unmet goal is a figure like any other, not a failure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--children", type=int, default=2, help="worker children per lane, on both sides")
    parser.add_argument("names", nargs="*", metavar="FIGURE", help=f"any of {', '.join(BENCHMARKS)}; default all")
    options = parser.parse_args()
    if unknown := sorted(set(options.names) - set(BENCHMARKS)):
        parser.error(f"no figure {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    SCRATCH.mkdir(exist_ok=True)
    # A state folder of its own: what an earlier run left behind must not count in this one.
    with (
        TemporaryDirectory(prefix="stack-", dir=SCRATCH) as state,
        running_stack(Path(state), lanes="io,video", workers=options.children) as stack,
    ):
        for name in options.names or BENCHMARKS:
            sys.stderr.write(f"measuring {name}, {options.rounds} rounds\n")
            print(BENCHMARKS[name](stack, options).render(), flush=True)


if __name__ == "__main__":
    main()
