"""A running task is asked to stop: the run hears of it with its next beat, and Triton's work ends with it."""

import re
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from echo_load import submit_echo
from live_stack import LiveStack
from made_media import noise
from PIL import Image
from processes import wait_for
from verdict import assert_sound, status_of

pytestmark = pytest.mark.timeout(120)

HEARD_WITHIN_S = 2.5  # the next beat is a second away at most; the rest is a slow machine

Recorder = Callable[[str, object], None]


def test_fault_36_a_running_echo_is_stopped(stack: LiveStack, record_testsuite_property: Recorder) -> None:
    task_id = submit_echo(stack, delay_ms=60_000)
    wait_for(lambda: status_of(stack.store, task_id) == "running")
    record_testsuite_property("cancel of echo: stopped after, s", cancel(stack, task_id))
    assert_sound(stack.store, [task_id], status="canceled")


def test_fault_36_a_running_upscale_is_stopped_and_triton_with_it(
    stack: LiveStack, tmp_path: Path, record_testsuite_property: Recorder
) -> None:
    before = count_inferences(stack)
    task_id = stack.show("submit", "image.upscale", draw(tmp_path / "large.png", width=1200, height=900))["id"]
    wait_for(lambda: stack.http.get(f"/v1/tasks/{task_id}").json()["progress"]["done"] > 0)
    record_testsuite_property("cancel of upscale: stopped after, s", cancel(stack, task_id))
    assert_sound(stack.store, [task_id], status="canceled")
    task = stack.http.get(f"/v1/tasks/{task_id}").json()
    assert task["outputs"] == []

    next_ = stack.show("submit", "image.upscale", draw(tmp_path / "small.png", width=32, height=32), "--watch")
    assert next_["status"] == "succeeded"
    assert count_inferences(stack) - before < task["progress"]["total"] / 2


def draw(path: Path, *, width: int, height: int) -> Path:
    Image.fromarray(noise(1, width=width, height=height)).save(path)
    return path


def cancel(stack: LiveStack, task_id: str) -> float:
    """Cancel the running task and wait until it has stopped; the seconds that this took."""
    asked_at = time.monotonic()
    assert stack.http.post(f"/v1/tasks/{task_id}/cancel").json()["status"] == "canceling"
    wait_for(lambda: status_of(stack.store, task_id) == "canceled", within_s=HEARD_WITHIN_S)
    return time.monotonic() - asked_at


def count_inferences(stack: LiveStack) -> float:
    """How many tiles Triton has enlarged since it was started."""
    metrics = httpx.get(stack.about["triton"]["metrics"]).text
    (found,) = re.findall(r'^nv_inference_count{model="realesrgan_x4".*} (\S+)$', metrics, re.MULTILINE)
    return float(found)
