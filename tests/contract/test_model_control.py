"""The promises of `ModelControl`, kept by the fake and by Triton; then what only Triton can show."""

import json
import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from fakes_engine import FakeControl
from servers import Triton, rehearsal, wait_for_file

from orchestrator.adapters.triton.control import TritonControl
from orchestrator.adapters.triton.engine import TritonEngine
from orchestrator.domain.errors import Category, Refused, Unavailable
from orchestrator.local.loopback import pick_ports
from orchestrator.ports.inference import ModelControl


@dataclass
class Rig:
    """Control of a server with the models `spare`, `greedy` (memory does not suffice) and `broken` (does not load)."""

    control: ModelControl
    away: ModelControl

    def state(self, model: str) -> str:
        (state,) = (row.state for row in self.control.index() if row.name == model)
        return state


def fake_rig() -> Rig:
    failures = {
        "greedy": Unavailable("no memory", service="triton", category=Category.GPU_MEMORY),
        "broken": Refused("broken", service="triton", category=Category.INTERNAL),
    }
    states = {"spare": "UNAVAILABLE", **dict.fromkeys(failures, "UNAVAILABLE")}
    return Rig(FakeControl(states, failures), FakeControl(states, away=True))


def add_model(repository: Path, name: str, *, load_failure: str = "") -> None:
    """Put a copy of `rehearsal` into the repository."""
    copy = shutil.copytree(repository / "rehearsal", repository / name, dirs_exist_ok=True)
    if load_failure:
        parameter = f'parameters {{ key: "load_failure" value: {{ string_value: "{load_failure}" }} }}'
        config = copy / "config.pbtxt"
        config.write_text(f"{config.read_text()}\n{parameter}\n")


@pytest.fixture(scope="module")
def control(triton_server: Triton) -> Iterator[TritonControl]:
    add_model(triton_server.repository, "spare")
    add_model(triton_server.repository, "greedy", load_failure="CUDA error: out of memory")
    add_model(triton_server.repository, "broken", load_failure="unexpected end of file")
    with closing(TritonControl(triton_server.grpc, control_key=triton_server.control_key)) as control:
        yield control


@pytest.fixture(params=["fake", "triton"])
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    if request.param == "fake":
        yield fake_rig()
        return
    with closing(TritonControl(f"127.0.0.1:{pick_ports(1)[0]}", control_key="any")) as away:
        real = Rig(request.getfixturevalue("control"), away)
        yield real
        real.control.unload("spare")


def test_a_server_that_answers_is_live_and_one_that_is_away_is_not(rig: Rig) -> None:
    assert rig.control.is_live()
    assert not rig.away.is_live()


def test_a_model_that_serves_has_a_configuration_and_says_the_same_again(rig: Rig) -> None:
    rig.control.load("spare")
    config = rig.control.config("spare")
    assert json.loads(config)["name"] == "spare"
    assert rig.control.config("spare") == config


def test_a_model_that_does_not_serve_has_none(rig: Rig) -> None:
    rig.control.unload("spare")
    for control in (rig.control, rig.away):
        with pytest.raises(Unavailable):
            control.config("spare")


def test_a_server_stays_live_when_a_model_failed_to_load(rig: Rig) -> None:
    with pytest.raises(Refused):
        rig.control.load("broken")
    assert rig.control.is_live()


def test_a_model_is_ready_from_the_end_of_load_to_unload(rig: Rig) -> None:
    assert not rig.control.is_ready("spare")
    rig.control.load("spare")
    assert rig.control.is_ready("spare")
    rig.control.unload("spare")
    assert not rig.control.is_ready("spare")


def test_a_server_that_is_away_has_no_model_ready(rig: Rig) -> None:
    assert not rig.away.is_ready("spare")


def test_an_unknown_model_is_not_ready(rig: Rig) -> None:
    assert not rig.control.is_ready("nobody")


def test_loading_and_unloading_may_be_repeated(rig: Rig) -> None:
    for _ in range(2):
        rig.control.load("spare")
        rig.control.load("spare")
        assert rig.state("spare") == "READY"
        rig.control.unload("spare")
        rig.control.unload("spare")
        assert rig.state("spare") == "UNAVAILABLE"


def test_a_model_without_enough_memory_is_unavailable(rig: Rig) -> None:
    with pytest.raises(Unavailable) as caught:
        rig.control.load("greedy")
    assert caught.value.category is Category.GPU_MEMORY


@pytest.mark.parametrize("model", ["broken", "nobody"])
def test_a_model_that_is_broken_or_missing_is_refused(rig: Rig, model: str) -> None:
    with pytest.raises(Refused):
        rig.control.load(model)


def test_the_index_shows_every_model_of_the_repository(rig: Rig) -> None:
    rows = {row.name: row.state for row in rig.control.index()}
    assert {"spare", "greedy", "broken"} <= rows.keys()
    assert rows["spare"] == "UNAVAILABLE"


def test_a_server_that_is_away_is_unavailable(rig: Rig) -> None:
    for call in (rig.away.index, lambda: rig.away.load("spare"), lambda: rig.away.unload("spare")):
        with pytest.raises(Unavailable) as caught:
            call()
        assert caught.value.category is Category.NETWORK


def test_load_leaves_a_loaded_model_alone(control: TritonControl, triton_server: Triton) -> None:
    with closing(TritonEngine(triton_server.grpc)) as engine:
        control.load("rehearsal")
        calls = []
        for _ in range(2):
            calls.append(engine.submit("rehearsal", rehearsal(), outputs=("call",)).result(5)["call"].item())
            control.load("rehearsal")
    assert calls[1] == calls[0] + 1  # a reloaded model would count from one again


def test_unload_waits_for_requests_in_flight(control: TritonControl, triton_server: Triton, tmp_path: Path) -> None:
    control.load("spare")
    with closing(TritonEngine(triton_server.grpc)) as engine:
        slow = engine.submit("spare", rehearsal(delay_ms=500, mark=tmp_path / "running"), outputs=("call",))
        wait_for_file(tmp_path / "running")
        control.unload("spare")
        assert slow.result(0.1)["call"] == 1
    (row,) = (row for row in control.index() if row.name == "spare")
    assert row.state == "UNAVAILABLE"


def test_a_model_that_does_not_go_is_unavailable(control: TritonControl, triton_server: Triton, tmp_path: Path) -> None:
    control.load("spare")
    hasty = TritonControl(triton_server.grpc, control_key=triton_server.control_key, unload_timeout_s=0.1)
    with closing(hasty), closing(TritonEngine(triton_server.grpc)) as engine:
        slow = engine.submit("spare", rehearsal(delay_ms=8_000, mark=tmp_path / "running"), outputs=("call",))
        wait_for_file(tmp_path / "running")
        with pytest.raises(Unavailable):
            hasty.unload("spare")
        slow.cancel()
    control.unload("spare")


def test_a_wrong_key_is_refused(triton_server: Triton) -> None:
    with closing(TritonControl(triton_server.grpc, control_key="wrong")) as stranger, pytest.raises(Refused):
        stranger.index()
