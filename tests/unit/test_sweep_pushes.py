"""What was announced as a release and never completed goes after a day; releases never do."""

from push_room import MODEL, PushRoom, push_of

from orchestrator.domain.errors import Category, OrchestratorError, Refused
from orchestrator.services.models.sweep_pushes import SweepPushes

DAY_S = 86_400
FILES = {"model.onnx": MODEL, "labels.txt": b"red\n"}


def begin(room: PushRoom, model: str) -> None:
    """All is sent but its labels."""
    state = room.parts.push.begin(push_of(FILES, model=model))
    sent = next(file for file in state.files if file.file.path == "model.onnx")
    assert sent.signed
    assert room.storage.upload(sent.signed, MODEL)


def sweep(room: PushRoom, *, age_s: float) -> set[str]:
    room.storage.age_s = age_s
    SweepPushes(room.storage, DAY_S).tick()
    return set(room.storage.objects)


def test_what_was_never_completed_goes_after_a_day_and_its_version_stays_taken() -> None:
    room = PushRoom()
    begin(room, "upscaler")
    before = set(room.storage.objects)
    assert sweep(room, age_s=DAY_S - 100) == before
    assert sweep(room, age_s=DAY_S + 100) == {"models/upscaler/1/push.json"}
    room.storage.age_s = 0
    assert room.push(FILES).release.version == 1, "an equal push goes on"


def test_a_release_stays_for_ever() -> None:
    room = PushRoom()
    room.push(FILES)
    before = set(room.storage.objects)
    assert sweep(room, age_s=100 * DAY_S) == before


def test_one_that_is_completed_meanwhile_stays() -> None:
    room = PushRoom()
    begin(room, "upscaler")
    before, listed = set(room.storage.objects), room.storage.list
    room.storage.age_s = DAY_S + 100
    seen = list(listed("models/"))
    room.storage.objects["models/upscaler/1/manifest.json"] = (b"{}", "application/json")
    SweepPushes(room.storage, DAY_S)._sweep("models/upscaler/1/", seen)
    assert set(room.storage.objects) == {*before, "models/upscaler/1/manifest.json"}


def test_one_that_cannot_be_swept_keeps_no_other() -> None:
    room = PushRoom()
    for model in ("a", "b"):
        begin(room, model)
    stuck: OrchestratorError = Refused("locked", service="storage", category=Category.INTERNAL)
    room.storage.stuck["models/a/1/1/model.onnx"] = stuck
    left = sweep(room, age_s=DAY_S + 100)
    assert left == {"models/a/1/push.json", "models/a/1/1/model.onnx", "models/b/1/push.json"}
