"""The load test itself: a few seconds of it against the whole stack, without a single failure."""

import json
import os
import subprocess
import sys

import pytest
from live_stack import ROOT, LiveStack

pytestmark = pytest.mark.timeout(120)


def test_a_short_load_of_echoes_and_pictures_has_no_failures(stack: LiveStack) -> None:
    words = ("--headless", "--users", "4", "--spawn-rate", "4", "--run-time", "10s", "--stop-timeout", "20", "--json")
    done = subprocess.run(
        (
            sys.executable,
            "-m",
            "locust",
            "-f",
            ROOT / "loadtests" / "locustfile.py",
            *words,
            "--tags",
            "echo",
            "picture",
        ),
        env={**os.environ, "ORCH_STATE": str(stack.state)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    counts = {row["name"]: (row["num_requests"], row["num_failures"]) for row in json.loads(done.stdout)}
    assert {failures for _, failures in counts.values()} == {0}
    assert all(counts[task_type][0] > 0 for task_type in ("system.echo", "image.upscale"))
