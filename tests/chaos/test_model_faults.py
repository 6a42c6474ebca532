"""What a run meets at a model: it is gone, or its memory does not suffice. Named after the numbers of the faults."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from model_node import Node, open_node
from record_store import new_task
from servers import Triton

from orchestrator.domain.errors import Category
from orchestrator.domain.retry import POLICIES
from orchestrator.domain.task import Status

MOST_TRIES = POLICIES[Category.GPU_MEMORY].tries


@pytest.fixture
def node(redis_url: str, triton_server: Triton, tmp_path: Path) -> Iterator[Node]:
    with open_node(redis_url, triton_server, scratch=tmp_path) as opened:
        yield opened


def test_fault_25_a_model_that_goes_between_claim_and_infer(node: Node) -> None:
    node.load("echo")
    assert node.run("warm").status is Status.SUCCEEDED  # the child trusts the placement for a while now
    node.control.unload("echo")
    task = node.run("t")
    assert (task.status, task.tries) == (Status.QUEUED, {Category.MODEL_UNAVAILABLE: 1})
    assert set(node.residency.wanted()) == {"echo"}, "its owner has heard of it"
    (instance,) = node.residency.instances()
    assert [resident.pins for resident in instance.residents] == [0]
    node.load("echo")
    node.wait_out()
    task = node.go_on("t")
    assert (task.status, task.tries) == (Status.SUCCEEDED, {Category.MODEL_UNAVAILABLE: 1})
    assert (task.usage["release"], task.usage["model_version"]) == ("echo", "1")


def test_fault_26_memory_that_does_not_suffice_for_one_task_fails_that_task_alone(node: Node) -> None:
    node.residency.route("echo", {"echo@9": 1})
    node.load("echo@9")
    node.store.submit(replace(new_task("small"), params={"size_bytes": 64}))
    for tries in range(1, MOST_TRIES):
        task = node.run("large", size_bytes=4096) if tries == 1 else node.go_on("large")
        assert (task.status, task.tries) == (Status.QUEUED, {Category.GPU_MEMORY: tries})
        node.wait_out()
    task = node.go_on("large")
    assert task.status is Status.FAILED
    assert task.error
    assert (task.error.code, task.error.category) == ("gpu_oom", Category.GPU_MEMORY)
    small = node.store.task("small")
    assert (small.status, small.usage["release"]) == (Status.SUCCEEDED, "echo@9")
    assert node.run("another").status is Status.SUCCEEDED, "the server stays up, and so does the model"
