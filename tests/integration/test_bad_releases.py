"""Bad releases, and what becomes of each: refused before any run asks them, or rolled back; and why, in a sentence."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from fakes_engine import FakeModel
from record_store import open_store
from swap_room import GPU, SwapRoom, X, Y, identity, manifest_of

from orchestrator.domain.errors import Category, Refused, StageTimeout, Unavailable
from orchestrator.domain.manifest import Manifest, TensorSpec
from orchestrator.domain.model import Release, Resident, ResidentState
from orchestrator.domain.swap import Fault, Step
from orchestrator.domain.traffic import Traffic
from orchestrator.ports.inference import Tensors

Specs = tuple[TensorSpec, ...]

WELL = Traffic(answered=100, failed=0, infer_s=1.0)


@pytest.fixture
def room(redis_url: str) -> Iterator[SwapRoom]:
    with open_store(redis_url) as store:
        yield SwapRoom(store)


@pytest.fixture
def two(room: SwapRoom) -> Release:
    return room.push(2)


def refuses(code: str) -> FakeModel:
    def model(_: Tensors) -> Tensors:
        raise Refused("the model failed on this request", service="triton", category=Category.INTERNAL, code=code)

    return model


def dies(_: Tensors) -> Tensors:
    raise Unavailable("not served at the moment", service="triton", category=Category.MODEL_UNAVAILABLE)


def sleeps(_: Tensors) -> Tensors:
    raise StageTimeout("the model took longer than the time allowed")


def test_wrong_output_is_refused_with_its_figure(room: SwapRoom) -> None:
    room.ask.swap(room.push(2, lambda inputs: {"y": inputs["x"] + np.float32(0.5)}), by="key_1")
    swap = room.settle()
    assert (swap.step, swap.fault) == (Step.REFUSED, Fault.WRONG_OUTPUT)
    assert swap.reason == "in.npz: max_abs is 0.5, <= 0.1 is expected"
    assert swap.figures["in.npz max_abs"] == 0.5
    assert room.resident == {"echo"}


@pytest.mark.parametrize(
    ("model", "fault"), [(refuses("model_failed"), Fault.CRASHES), (dies, Fault.CRASHES), (sleeps, Fault.SLOW)]
)
def test_one_that_fails_on_its_own_samples_is_refused(room: SwapRoom, model: FakeModel, fault: Fault) -> None:
    room.ask.swap(room.push(2, model), by="key_1")
    swap = room.settle()
    assert (swap.step, swap.fault) == (Step.REFUSED, fault)
    assert "warm-up" in swap.reason
    assert room.routes == {"echo": 100}


def test_one_that_is_slow_on_its_own_samples_is_refused(room: SwapRoom) -> None:
    def slow(inputs: Tensors) -> Tensors:
        room.clock.pause(0.08)
        return identity(inputs)

    room.ask.swap(room.push(2, slow), by="key_1")
    swap = room.settle()
    assert (swap.step, swap.fault) == (Step.REFUSED, Fault.SLOW)
    assert swap.reason == "a golden sample takes 80 ms, the old release takes 0"


def test_a_broken_file_is_refused_before_anything_is_loaded(room: SwapRoom, two: Release) -> None:
    room.problems.append("model.onnx is no ONNX model")
    room.ask.swap(two, by="key_1")
    swap = room.settle()
    assert (swap.step, swap.fault, swap.reason) == (Step.REFUSED, Fault.BROKEN, "model.onnx is no ONNX model")
    assert room.resident == {"echo"}


def test_what_cannot_be_brought_is_refused(room: SwapRoom, two: Release) -> None:
    def damaged(_instance: str, _manifest: Manifest) -> None:
        raise Refused("model.onnx is not what the manifest says", service="warden", category=Category.INTERNAL)

    room.bring = damaged
    room.ask.swap(two, by="key_1")
    assert (room.settle().fault, room.swap.step) == (Fault.NOT_FETCHED, Step.REFUSED)


@pytest.mark.parametrize(
    ("inputs", "outputs", "why"),
    [
        ((TensorSpec("x", "FP32", (8,)),), (Y,), "its input 'x' FP32 [8] differs from 'x' FP32 [4]"),
        ((TensorSpec("x", "UINT8", (4,)),), (Y,), "its input 'x' UINT8 [4] differs"),
        ((X,), (TensorSpec("z", "FP32", (4,)),), "it has no output 'y'"),
        ((X, TensorSpec("w", "FP32", (4,))), (Y,), "its input 'w' is new"),
    ],
)
def test_one_with_other_tensors_is_refused(
    room: SwapRoom, two: Release, inputs: Specs, *, outputs: Specs, why: str
) -> None:
    room.releases.manifests[two] = replace(manifest_of(two), inputs=inputs, outputs=outputs)
    room.ask.swap(two, by="key_1")
    swap = room.settle()
    assert (swap.step, swap.fault) == (Step.REFUSED, Fault.WRONG_DIMS)
    assert swap.reason.startswith(why)


def test_dims_that_are_open_may_stand_for_any(room: SwapRoom, two: Release) -> None:
    room.releases.manifests[two] = replace(manifest_of(two), inputs=(TensorSpec("x", "FP32", (-1,)),))
    room.ask.swap(two, by="key_1")
    assert room.settle().step is Step.DONE


def test_one_that_does_not_load_is_refused_with_what_triton_says(room: SwapRoom, two: Release) -> None:
    old = Resident(two.name, ResidentState.FAILED, since_ms=0, error="of another time")
    room.residency.note(GPU, old)
    room.load_error = "the model cannot be loaded"
    room.ask.swap(two, by="key_1")
    swap = room.settle()
    assert (swap.step, swap.fault, swap.reason) == (Step.REFUSED, Fault.NOT_LOADED, "the model cannot be loaded")


@pytest.mark.parametrize(
    ("served", "fault", "why"),
    [
        (Traffic(90, 10, 0.9), Fault.FAILS, "10 of 100 requests failed"),
        (Traffic(100, 0, 9.0), Fault.SLOW, "a request takes 90 ms, with the old release 10"),
    ],
)
@pytest.mark.parametrize("watched_s", [0, 60])
def test_one_that_is_bad_under_traffic_is_rolled_back(
    room: SwapRoom, two: Release, served: Traffic, *, fault: Fault, why: str, watched_s: int
) -> None:
    room.served["echo"] = WELL
    room.ask.swap(two, by="key_1", canary=10, watch_s=60)
    room.settle()
    room.tick(watched_s)
    room.served[two.name] = served
    swap = room.settle()
    assert (swap.step, swap.fault, swap.reason) == (Step.ROLLED_BACK, fault, why)
    assert room.routes == {"echo": 100}
    assert room.resident == {"echo"}


def test_what_it_served_before_is_not_held_against_it(room: SwapRoom, two: Release) -> None:
    room.served.update({"echo": WELL, two.name: Traffic(0, 50)})
    room.ask.swap(two, by="key_1", canary=10)
    assert room.settle().step is Step.DONE


def test_one_whose_output_drifts_is_rolled_back(room: SwapRoom) -> None:
    answers = iter([0, 0, *[0] * 5, 9])  # warm-up, golden, five for its time, golden again

    def drifts(inputs: Tensors) -> Tensors:
        return {"y": inputs["x"] + np.float32(next(answers))}

    room.ask.swap(room.push(2, drifts), by="key_1", canary=10, watch_s=60)
    room.settle()
    swap = room.tick(60)
    assert (room.settle().step, swap.fault) == (Step.ROLLED_BACK, Fault.WRONG_OUTPUT)


def test_one_that_goes_away_is_rolled_back(room: SwapRoom, two: Release) -> None:
    room.ask.swap(two, by="key_1", canary=10, watch_s=60)
    room.settle()
    room.residency.note(GPU, Resident(two.name, ResidentState.FAILED, error="its stub died"))
    swap = room.settle()
    assert (swap.step, swap.fault, swap.reason) == (Step.ROLLED_BACK, Fault.GONE, "its stub died")


def test_a_step_without_an_outcome_comes_to_an_end(room: SwapRoom, two: Release) -> None:
    def away(_instance: str, _manifest: Manifest) -> None:
        raise Unavailable("the warden is away", service="warden", category=Category.NETWORK)

    room.bring = away
    room.ask.swap(two, by="key_1")
    assert room.tick(800).step is Step.FETCHING
    swap = room.tick(100)
    assert (swap.step, swap.fault) == (Step.REFUSED, Fault.TOO_LATE)
    assert "fetching" in swap.reason
