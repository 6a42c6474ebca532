"""`model.infer` over a model of a test: tensors and pictures in, tensors and labels out."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benches import make_bench
from fakes_codec import FakePictures
from fakes_engine import FakeEngine
from numpy.typing import NDArray
from pydantic import ValidationError

from orchestrator.domain.errors import InvalidParams, RunCanceled, StageTimeout
from orchestrator.domain.manifest import PictureSpec, TensorSpec
from orchestrator.domain.media import MediaInfo, MediaKind
from orchestrator.domain.signature import Signature
from orchestrator.domain.task import Progress
from orchestrator.pipelines.pipeline import Outcome, Workbench
from orchestrator.pipelines.tensor_files import write_tensors
from orchestrator.pipelines.types.model_infer import ModelInfer, ModelInferParams
from orchestrator.ports.codec import Picture
from orchestrator.ports.inference import Tensors

PAIR = Signature(
    (TensorSpec("a", "FP32", (2,)), TensorSpec("b", "FP32", (2,))),
    (TensorSpec("sum", "FP32", (2,)), TensorSpec("is_large", "BOOL", (1,)), TensorSpec("words", "BYTES", (1,))),
    max_batch=4,
    instances=2,
)
SEEN = Signature(
    (TensorSpec("image", "FP32", (3, 2, 2)),),
    (TensorSpec("scores", "FP32", (3,)),),
    max_batch=8,
    picture=PictureSpec(2, 2, scale=1 / 255, top=2),
    labels=("red", "green", "blue"),
)
WANTED = ["sum", "is_large"]


def add(inputs: Tensors) -> Tensors:
    total = inputs["a"] + inputs["b"]
    return {"sum": total, "is_large": total.max(axis=1, keepdims=True) > 10}


def mean_colours(inputs: Tensors) -> Tensors:
    return {"scores": inputs["image"].mean(axis=(2, 3))}


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    engine = FakeEngine({"adder": add, "colours@2": mean_colours})
    return replace(make_bench(tmp_path, engine), signature=lambda: PAIR, pictures=FakePictures())


def given(bench: Workbench, **tensors: NDArray[Any]) -> Workbench:
    source = bench.scratch / "source"
    write_tensors(tensors, source)
    return replace(bench, source=source, info=MediaInfo(MediaKind.TENSORS, container="npz"))


def pairs(count: int) -> NDArray[np.float32]:
    return np.arange(count * 2, dtype=np.float32).reshape(count, 2)


def infer(bench: Workbench, **params: object) -> Outcome:
    return ModelInfer().run(ModelInferParams.model_validate({"model": "adder", "outputs": WANTED, **params}), bench)


def made(outcome: Outcome) -> dict[str, Any]:
    with np.load(outcome.artifacts[0].path) as stored:
        return {name: stored[name].tolist() for name in stored}


def test_many_samples_are_cut_into_batches_and_come_back_in_order(bench: Workbench) -> None:
    seen: list[Progress] = []
    engine = FakeEngine({"adder": add})
    bench = replace(given(bench, a=pairs(10), b=pairs(10)), engine=engine, report=seen.append)
    outcome = infer(bench)
    assert made(outcome)["sum"] == (pairs(10) * 2).tolist()
    assert outcome.usage == {"inferences": 3, "samples": 10}
    assert engine.most_in_flight == 3, "one more than the model computes at once"
    assert [(progress.done, progress.total) for progress in seen] == [(1, 3), (2, 3), (3, 3)]


def test_a_small_answer_stands_in_the_result(bench: Workbench) -> None:
    outcome = infer(given(bench, a=pairs(1)[0], b=pairs(1)[0]))
    assert outcome.result == {
        "outputs": {
            "sum": {"shape": [1, 2], "datatype": "FP32", "min": 0.0, "max": 2.0, "data": [0.0, 2.0]},
            "is_large": {"shape": [1, 1], "datatype": "BOOL", "min": False, "max": False, "data": [False]},
        }
    }
    assert outcome.artifacts[0].path.name == "outputs.npz"
    large = infer(given(bench, a=pairs(40), b=pairs(40)), outputs=["sum"]).result["outputs"]["sum"]
    assert (large["shape"], "data" in large) == ([40, 2], False)


def test_small_tensors_may_come_with_the_params(bench: Workbench) -> None:
    inline = {name: {"shape": [2], "datatype": "FP32", "data": [1, 2.5]} for name in ("a", "b")}
    assert made(infer(bench, tensors=inline))["sum"] == [[2.0, 5.0]]
    half = {"b": inline["b"]}
    assert made(infer(given(bench, a=pairs(1)), tensors=half))["sum"] == [[1.0, 3.5]]
    with pytest.raises(InvalidParams, match="'b' is in the input"):
        infer(given(bench, a=pairs(1), b=pairs(1)), tensors=half)


def test_a_picture_is_labelled_as_the_manifest_says(bench: Workbench) -> None:
    source = bench.scratch / "source"
    bench.pictures.encode(Picture(np.full((9, 9, 3), (51, 255, 102), np.uint8)), source)
    info = MediaInfo(MediaKind.PICTURE, container="png", width=9, height=9)
    bench = replace(bench, signature=lambda: SEEN, source=source, info=info)
    outcome = infer(bench, model="colours@2", outputs=[])
    assert outcome.result["labels"] == [
        {"label": "green", "index": 1, "score": pytest.approx(1.0)},
        {"label": "blue", "index": 2, "score": pytest.approx(0.4)},
    ]


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"outputs": ["difference"]}, "'difference' is no output of the model; it has 'sum'"),
        ({"outputs": []}, "'words' is BYTES"),
    ],
)
def test_outputs_that_cannot_be_had_are_refused_unasked(bench: Workbench, params: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidParams, match=says):
        infer(replace(given(bench, a=pairs(1), b=pairs(1)), engine=FakeEngine({})), **params)


def test_tensors_that_do_not_fit_are_refused_unasked(bench: Workbench) -> None:
    with pytest.raises(InvalidParams, match="'c' is no input of the model; 'b' is missing"):
        infer(replace(given(bench, a=pairs(1), c=pairs(1)), engine=FakeEngine({})))


def test_the_shorter_time_counts(bench: Workbench) -> None:
    engine = FakeEngine({"adder": add})
    engine.stall("adder")
    with pytest.raises(StageTimeout):
        infer(replace(given(bench, a=pairs(1), b=pairs(1)), engine=engine), timeout_s=0.01)


def test_a_cancel_leaves_nothing_in_flight(bench: Workbench) -> None:
    engine = FakeEngine({"adder": add})
    asked = replace(given(bench, a=pairs(40), b=pairs(40)), engine=engine, report=lambda _: bench.cancel.cancel())
    with pytest.raises(RunCanceled):
        infer(asked)
    assert engine.in_flight == 0


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"model": "../secret"},
        {"model": "a:b"},
        {"model": "a@0"},
        {"model": "a", "timeout_s": 0},
        {"model": "a", "tensors": {"x": {"shape": [2], "datatype": "FP32", "data": [1]}}},
        {"model": "a", "tensors": {"x": {"shape": [1], "datatype": "FP33", "data": [1]}}},
        {"model": "a", "tensors": {f"x{at}": {"shape": [4096], "datatype": "FP32", "data": [0] * 4096} for at in "ab"}},
    ],
)
def test_other_params_are_refused(params: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ModelInferParams.model_validate(params)
