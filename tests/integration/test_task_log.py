"""What a client can read of a run: its stages, what it found, why it failed; and nothing that is not ours."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes_engine import FakeEngine
from record_store import RecordStore, open_store
from run_room import RunRoom, submit_upscale

from orchestrator.domain.errors import Category, Unavailable
from orchestrator.ports.inference import Tensors


@pytest.fixture
def store(redis_url: str) -> Iterator[RecordStore]:
    with open_store(redis_url) as opened:
        yield opened


def lines(store: RecordStore) -> list[tuple[str, object]]:
    """Each line's event, and its stage if it has one."""
    found = [event.data for event in store.reads.events("t") if event.type == "log"]
    return [(line["event"], line["fields"].get("stage")) for line in found]


def test_its_stages_are_told(store: RecordStore, tmp_path: Path) -> None:
    room = RunRoom(store, tmp_path / "scratch")
    submit_upscale(room, tmp_path)
    room.execute()
    told = lines(store)
    assert [word for event, word in told if event == "stage.ended"] == ["fetch", "probe", "infer", "store"]
    assert {event for event, _ in told} == {"stage.ended", "input.probed", "tiles.planned"}
    assert [event.type for event in store.reads.events("t")][-2:] == ["output", "succeeded"]


def test_it_says_which_version_of_which_model_answered(store: RecordStore, tmp_path: Path) -> None:
    room = RunRoom(store, tmp_path / "scratch")
    submit_upscale(room, tmp_path)
    room.execute()
    (told,) = [
        event.data["fields"]
        for event in store.reads.events("t")
        if event.type == "log" and event.data["fields"].get("stage") == "infer"
    ]
    assert (told["model"], told["version"]) == ("realesrgan_x4", "1")


def test_a_failure_says_why_and_when_it_is_tried_again_in_our_own_words(store: RecordStore, tmp_path: Path) -> None:
    def fail(_: Tensors) -> Tensors:
        reason = Unavailable("the model is away", service="triton", category=Category.MODEL_UNAVAILABLE)
        raise reason from OSError("10.0.0.7 said: password=hunter2")

    room = RunRoom(store, tmp_path, engine=FakeEngine({"echo": fail}))
    room.submit()
    room.execute()
    failed = [event for event in store.reads.events("t") if event.type == "log"][-1].data
    assert failed["level"] == "warning"
    assert failed["fields"]["message"] == "the model is away"
    assert failed["fields"]["again_in_s"] > 0
    assert "hunter2" not in store.dump()
