"""A worker that lives and hears nothing: pulses wait, children are free, and its loop does not bring them together."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from processes import is_alive, wait_for
from verdict import assert_sound, status_of
from worker_room import worker_room

pytestmark = pytest.mark.timeout(120)

Recorder = Callable[[str, object], None]


@pytest.mark.slow
def test_fault_37_a_worker_that_hears_no_pulse_starts_anew_and_loses_nothing(
    redis_url: str, tmp_path: Path, record_testsuite_property: Recorder
) -> None:
    with worker_room(redis_url, tmp_path, WORKER__LEASE="PT60S", WORKER__DEAF_AFTER="PT4S") as room:
        assert room.ask_alive().returncode == 0
        os.kill(room.parent, signal.SIGUSR2)
        ids, deaf_at = room.submit(3, delay_ms=10), time.monotonic()
        wait_for(lambda: not is_alive(room.parent))
        record_testsuite_property("fault 37: a deaf worker ends after, s", time.monotonic() - deaf_at)
        assert "worker.deaf" in room.log("worker")
        assert "no worker has given a sign of life" in room.ask_alive().stderr
        assert {status_of(room.store, task_id) for task_id in ids} == {"queued"}
        with room.running("successor"):
            room.await_all(ids, within_s=30)
        assert_sound(room.store, ids)
