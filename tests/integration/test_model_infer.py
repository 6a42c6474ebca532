"""`model.infer` as a task: from its record and its input to what is stored, with the model of a test."""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fakes_engine import FakeEngine
from record_store import open_store
from run_room import RunRoom

from orchestrator.domain.errors import Category
from orchestrator.domain.task import Status
from orchestrator.pipelines.tensor_files import write_tensors
from orchestrator.ports.inference import Tensors

KEY = "projects/film-a/uploads/1/tensors.npz"


def total(inputs: Tensors) -> Tensors:
    return {"sum": inputs["a"].sum(axis=1, keepdims=True)}


@pytest.fixture
def room(redis_url: str, tmp_path: Path) -> Iterator[RunRoom]:
    with open_store(redis_url) as store:
        yield RunRoom(store, tmp_path / "scratch", engine=FakeEngine({"summer@2": total}))


def run(room: RunRoom, tmp_path: Path, *, tensors: Tensors) -> None:
    write_tensors(tensors, tmp_path / "tensors")
    stored = room.storage.store(tmp_path / "tensors", KEY, content_type="application/x-npz")
    given = {"object": KEY, "etag": stored.etag}
    room.submit(type="model.infer", model="summer@2", input=given, params={"model": "summer@2", "outputs": ["sum"]})
    room.execute()


def test_tensors_go_in_and_tensors_come_out(room: RunRoom, tmp_path: Path) -> None:
    run(room, tmp_path, tensors={"a": np.arange(12, dtype=np.float32).reshape(6, 2)})
    task = room.task
    assert task.status is Status.SUCCEEDED
    assert task.result == {
        "outputs": {"sum": {"shape": [6, 1], "datatype": "FP32", "min": 1, "max": 21, "data": [1, 5, 9, 13, 17, 21]}}
    }
    assert task.usage["inferences"] == 2
    artifact = task.outputs[0]
    body, content_type = room.storage.objects[artifact.key]
    assert content_type == "application/x-npz"
    with np.load(io.BytesIO(body)) as made:
        assert made["sum"].tolist() == [[1], [5], [9], [13], [17], [21]]


def test_what_does_not_fit_fails_for_good_and_says_why(room: RunRoom, tmp_path: Path) -> None:
    run(room, tmp_path, tensors={"b": np.zeros((6, 2), np.float32)})
    error = room.task.error
    assert error is not None
    assert (room.task.status, error.code, error.category) == (
        Status.FAILED,
        "invalid_params",
        Category.INVALID_INPUT,
    )
    assert "'b' is no input of the model; 'a' is missing" in error.message
