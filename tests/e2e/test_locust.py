"""The load test itself: a few seconds of it against the whole stack, without a single failure."""

import json
import os
import subprocess
import sys

import pytest
from live_stack import ROOT, LiveStack

pytestmark = pytest.mark.timeout(120)


def test_a_short_load_has_no_failures_and_tells_what_each_project_waited_and_got(stack: LiveStack) -> None:
    words = ("--headless", "--users", "6", "--spawn-rate", "6", "--run-time", "12s", "--stop-timeout", "20", "--json")
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
    for project in ("load-film-a | before", "load-film-b | before", "load-flood | beside"):
        assert f"| {project} the flood |" in done.stderr
