"""The promises of `InferenceEngine`, kept by the fake and by Triton; then what only Triton can show."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from fakes_engine import FakeEngine
from servers import Triton, rehearsal, triton, wait_for_file

from orchestrator.adapters.triton.engine import TritonEngine
from orchestrator.domain.errors import (
    Category,
    DependencyError,
    Overloaded,
    Refused,
    RunCanceled,
    StageTimeout,
    Unavailable,
)
from orchestrator.local.loopback import pick_ports
from orchestrator.ports.inference import Inference, InferenceEngine, Pixels, Tensors, Terms

BYTES = np.arange(6, dtype=np.uint8).reshape(2, 3)


@dataclass
class Rig:
    """An engine with `echo` and `rehearsal`, and how to send a request that is not answered for several seconds."""

    engine: InferenceEngine
    submit_slow: Callable[..., Inference]

    def echo(self, array: Pixels = BYTES) -> Inference:
        return self.engine.submit("echo", {"input": array}, outputs=("output",))

    def rehearse(self, inputs: Tensors) -> Inference:
        return self.engine.submit("rehearsal", inputs, outputs=("call",))


def fake_rehearsal(inputs: Tensors) -> Tensors:
    failure = inputs["failure"].flat[0].decode()
    if failure == "out of memory":
        raise Unavailable(failure, service="triton", category=Category.GPU_MEMORY)
    if failure:
        raise Refused(failure, service="triton", category=Category.INTERNAL)
    return {"call": np.array([[1]], dtype=np.int32)}


def fake_echo(inputs: Tensors) -> Tensors:
    if inputs["input"].ndim != 2:
        raise Refused("shape", service="triton", category=Category.INTERNAL)
    return {"output": inputs["input"]}


@pytest.fixture
def fake_rig() -> Rig:
    engine = FakeEngine({"echo": fake_echo, "rehearsal": fake_rehearsal})
    engine.stall("slow")
    return Rig(engine, lambda **how: engine.submit("slow", {}, outputs=(), **how))


def wait_until_idle(engine: InferenceEngine) -> None:
    """Return when nothing of the test before is left: Triton keeps what was cancelled in its queue for a while."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with suppress(Overloaded):
            engine.submit("rehearsal", rehearsal(), outputs=("call",)).result(5)
            return
    pytest.fail("the queue stays full")


@pytest.fixture
def triton_rig(triton_server: Triton) -> Iterator[Rig]:
    with closing(TritonEngine(triton_server.grpc)) as engine:
        wait_until_idle(engine)
        slow = rehearsal(delay_ms=8_000)
        yield Rig(engine, lambda **how: engine.submit("rehearsal", slow, outputs=("call",), **how))


@pytest.fixture(params=["fake", "triton"])
def rig(request: pytest.FixtureRequest) -> Rig:
    made: Rig = request.getfixturevalue(f"{request.param}_rig")
    return made


def test_submit_returns_at_once_and_several_may_be_in_flight(rig: Rig) -> None:
    began = time.monotonic()
    slow = [rig.submit_slow() for _ in range(3)]
    quick = [rig.echo() for _ in range(8)]
    for inference in quick:
        inference.result(5)
    assert time.monotonic() - began < 5
    for inference in slow:
        inference.cancel()


def test_arrays_arrive_as_they_are_also_when_they_are_slices(rig: Rig) -> None:
    wide = np.arange(64, dtype=np.uint8).reshape(4, 16)
    larger_than_grpc_allows_unasked = np.zeros((1, 5 * 1024**2), np.uint8)
    for array in (BYTES, wide[:, ::2], wide[1:3], np.zeros((1, 0), np.uint8), larger_than_grpc_allows_unasked):
        np.testing.assert_array_equal(rig.echo(array).result(5)["output"], array)


def test_the_result_holds_the_outputs_by_name_with_the_batch_in_front_and_the_version_is_known(rig: Rig) -> None:
    inference = rig.echo()
    outputs = inference.result(5)
    assert (list(outputs), inference.version) == (["output"], "1")
    assert (outputs["output"].shape, outputs["output"].dtype) == ((2, 3), np.dtype(np.uint8))


def test_no_answer_in_time_is_a_timeout(rig: Rig) -> None:
    began = time.monotonic()
    with pytest.raises(StageTimeout):
        rig.submit_slow().result(0.1)
    assert time.monotonic() - began < 3


def test_a_request_out_of_time_is_cancelled(rig: Rig) -> None:
    with suppress(StageTimeout):
        rig.submit_slow().result(0.1)
    rig.rehearse(rehearsal()).result(3)  # it had to wait for the eight seconds of the other otherwise


def test_a_request_that_is_late_is_given_up_by_the_server_itself(rig: Rig) -> None:
    late = rig.submit_slow(terms=Terms(within_s=0.2))
    rig.rehearse(rehearsal()).result(3)  # nobody has asked for the other, which takes eight seconds
    with pytest.raises(StageTimeout):
        late.result(8)


def test_a_cancel_is_heard_at_once_by_whoever_waits(rig: Rig) -> None:
    inference = rig.submit_slow()
    timer = threading.Timer(0.1, inference.cancel)
    timer.start()
    began = time.monotonic()
    with pytest.raises(RunCanceled):
        inference.result(8)
    assert time.monotonic() - began < 1
    timer.join()


def test_a_cancelled_request_ends_inside_the_model_too(rig: Rig) -> None:
    rig.submit_slow().cancel()
    rig.rehearse(rehearsal()).result(3)


def test_cancel_after_the_end_is_harmless(rig: Rig) -> None:
    inference = rig.echo()
    before = inference.result(5)
    inference.cancel()
    inference.cancel()
    np.testing.assert_array_equal(inference.result(5)["output"], before["output"])


def test_a_model_that_is_not_served_is_unavailable(rig: Rig) -> None:
    inference = rig.engine.submit("nobody", {"input": BYTES}, outputs=("output",))
    with pytest.raises(Unavailable) as caught:
        inference.result(5)
    assert caught.value.category is Category.MODEL_UNAVAILABLE


def test_no_memory_on_the_gpu_is_unavailable(rig: Rig) -> None:
    with pytest.raises(Unavailable) as caught:
        rig.rehearse(rehearsal(failure="out of memory")).result(5)
    assert caught.value.category is Category.GPU_MEMORY


def test_a_model_that_fails_refuses(rig: Rig) -> None:
    with pytest.raises(Refused):
        rig.rehearse(rehearsal(failure="cannot multiply")).result(5)


def test_a_request_that_does_not_fit_the_model_is_refused(rig: Rig) -> None:
    with pytest.raises(Refused):
        rig.echo(BYTES[0]).result(5)


def test_priority_one_overtakes(triton_rig: Rig, tmp_path: Path) -> None:
    submit = triton_rig.engine.submit
    triton_rig.rehearse(rehearsal(delay_ms=300, mark=tmp_path / "running"))
    wait_for_file(tmp_path / "running")
    second = submit("rehearsal", rehearsal(), outputs=("call",), terms=Terms(priority=2))
    first = submit("rehearsal", rehearsal(), outputs=("call",), terms=Terms(priority=1))
    assert first.result(5)["call"] < second.result(5)["call"]


def test_triton_learns_the_deadline(triton_server: Triton) -> None:
    with closing(TritonEngine(triton_server.grpc, deadline_s=0.2)) as hasty:
        abandoned = hasty.submit("rehearsal", rehearsal(delay_ms=8_000), outputs=("call",))
        with pytest.raises(StageTimeout):
            abandoned.result(8)
    with closing(TritonEngine(triton_server.grpc)) as engine:
        engine.submit("rehearsal", rehearsal(), outputs=("call",)).result(3)


def test_a_server_that_is_away_is_unavailable() -> None:
    with closing(TritonEngine(f"127.0.0.1:{pick_ports(1)[0]}")) as engine:
        inference = engine.submit("echo", {"input": BYTES}, outputs=("output",))
        with pytest.raises(Unavailable) as caught:
            inference.result(5)
    assert caught.value.category is Category.NETWORK


def test_a_restarted_server_is_found_again(tmp_path: Path) -> None:
    with triton(tmp_path, models=["echo"]) as server, closing(TritonEngine(server.grpc)) as engine:

        def answers() -> bool:
            try:
                engine.submit("echo", {"input": BYTES}, outputs=("output",)).result(5)
            except Unavailable:
                return False
            return True

        assert answers()
        server.kill()
        assert not answers()
        server.start()
        began = time.monotonic()
        while not answers():
            assert time.monotonic() - began < 3


def test_requests_in_flight_cost_no_threads(triton_rig: Rig) -> None:
    triton_rig.echo().result(5)
    before = threading.active_count()
    flying = [triton_rig.echo() for _ in range(16)]
    assert threading.active_count() <= before + 1  # gRPC's own, for the whole connection
    for inference in flying:
        inference.result(5)


def test_messages_hold_none_of_the_servers_words(triton_rig: Rig) -> None:
    with pytest.raises(DependencyError) as caught:
        triton_rig.rehearse(rehearsal(failure="the secret of /models/rehearsal")).result(5)
    assert "secret" not in str(caught.value)
    assert "the secret of /models/rehearsal" in str(caught.value.__cause__)
