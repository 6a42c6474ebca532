"""Pushes that nobody should accept: paths, code, libraries, configurations, and files that are not what they say."""

from collections.abc import Mapping

import pytest
from made_models import UINT8, Dims, onnx_bytes
from push_room import CONFIG, MODEL, PushRoom, push_of

from orchestrator.adapters.model_files.wire import Fields, NotProtobufError
from orchestrator.domain.manifest import Golden
from orchestrator.domain.model_config import lint
from orchestrator.domain.push import PushLimits, find_flaws
from orchestrator.domain.release_errors import ReleaseRefused
from orchestrator.ports.model_files import ModelConfigs

EXTERNAL = onnx_bytes({"x": ("n", 4)}, {"y": ("n", 1)}, weights="w", is_external=True)


@pytest.fixture
def room() -> PushRoom:
    return PushRoom()


@pytest.fixture
def configs(room: PushRoom) -> ModelConfigs:
    return room.parts.push.configs


def flaws_of(error: ReleaseRefused) -> str:
    return " ".join([str(error), *(f"{flaw.field}: {flaw.message}" for flaw in error.fields)])


@pytest.mark.parametrize(
    "path",
    [
        "../labels.txt",
        "/labels.txt",
        "golden/../labels.txt",
        "golden/..",
        "golden/a/b.png",
        "golden/a b.png",
        "golden/a.png\n",
        "golden/.hidden.png",
        "golden/a.svg",
        "warmup/sample.pkl",
        "1/model.py",
        "libevil.so",
        "1/model.onnx.data",
        "configs/gpu.pbtxt",
        "config.pbtxt",
        "manifest.json",
        "push.json",
        "C:\\labels.txt",
        "lábels.txt",
    ],
)
def test_a_file_that_has_no_business_in_a_release_is_named(room: PushRoom, path: str) -> None:
    with pytest.raises(ReleaseRefused) as caught:
        room.push({"model.onnx": MODEL, path: b"x"})
    ((field, says),) = [(flaw.field, flaw.message) for flaw in caught.value.fields]
    assert field == "files.1.path"
    assert repr(path) in says
    assert ("one configuration" in says) == path.startswith("configs/")
    assert not room.storage.objects, "and nothing was reserved"


@pytest.mark.parametrize("paths", [("labels.txt",), ("model.onnx", "model.pt"), ("model.onnx", "2/model.onnx")])
def test_a_release_has_one_model(room: PushRoom, paths: tuple[str, ...]) -> None:
    with pytest.raises(ReleaseRefused) as caught:
        room.push(dict.fromkeys(paths, MODEL))
    assert "files" in [flaw.field for flaw in caught.value.fields]


def test_names_that_differ_in_case_only_are_refused(room: PushRoom) -> None:
    with pytest.raises(ReleaseRefused) as caught:
        room.push({"model.onnx": MODEL, "labels.txt": b"a", "LABELS.txt": b"b"})
    assert {flaw.field for flaw in caught.value.fields} == {"files.1.path", "files.2.path"}


def test_a_release_has_its_limits() -> None:
    push = push_of({"model.onnx": b"12345", "labels.txt": b"123", "golden/a.png": b"1"})
    assert find_flaws(push, PushLimits(total_bytes=9, small_bytes=3, files=3)) == ()
    said = [flaw.message for flaw in find_flaws(push, PushLimits(total_bytes=8, small_bytes=2, files=2))]
    assert said == [
        "a release has at most 2 files",
        "a release has at most 8 bytes",
        "only the model may have more than 2 bytes",
    ]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('backend: "onnxruntime"', 'backend: "python"'),
        ('backend: "onnxruntime"', 'backend: "../../evil"'),
        ('backend: "onnxruntime"', 'platform: "ensemble"'),
        ('backend: "onnxruntime"', 'backend: "pytorch"'),
        ('"model.onnx"', '"../../evil.onnx"'),
        ("max_batch_size: 4", 'max_batch_size: 4 runtime: "libevil.so"'),
        ("max_batch_size: 4", 'max_batch_size: 4 model_operations { op_library_filename: "evil.so" }'),
        ("max_batch_size: 4", 'max_batch_size: 4 parameters { key: "EXECUTION_ENV_PATH" value { string_value: "x" } }'),
        ("max_batch_size: 4", 'max_batch_size: 4 cc_model_filenames { key: "7.5" value: "x" }'),
        ("max_batch_size: 4", 'max_batch_size: 4 model_repository_agents { agents { name: "evil" } }'),
        ("max_batch_size: 4", "max_batch_size: 4 no_such_field: 1"),
        ("max_queue_size: 16", ""),
        ("default_timeout_microseconds: 30000000", ""),
        ("allow_timeout_override: true", ""),
        ("REJECT", "DELAY"),
        ("count: 1", "count: 1 kind: KIND_GPU"),
        ("TYPE_FP32 dims: [ 10 ]", "TYPE_STRING dims: [ 10 ]"),
        ("dims: [ 10 ]", "dims: [ ]"),
        ("dims: [ 10 ]", "dims: [ -7 ]"),
    ],
)
def test_a_configuration_that_is_dangerous_or_unbounded_is_refused(room: PushRoom, before: str, after: str) -> None:
    config = CONFIG.replace(before, after)
    assert config != CONFIG
    with pytest.raises(ReleaseRefused):
        room.push({"model.onnx": MODEL}, config=config)
    assert not room.parts.releases.list()


def test_what_is_only_unwise_is_told_and_not_refused(room: PushRoom, configs: ModelConfigs) -> None:
    config = CONFIG.replace("max_queue_size: 16", "max_queue_size: 17").replace("count: 1", "")
    assert [flaw.is_grave for flaw in lint(configs.parse(config))] == [False, False]
    assert room.push({"model.onnx": MODEL}, config=config).release.version == 1


@pytest.mark.parametrize(
    ("files", "config", "says"),
    [
        ({"model.onnx": b"\x80\x04pickle"}, "", "no ONNX model"),
        ({"model.onnx": b"\0"}, "", "no ONNX model"),
        ({"model.onnx": MODEL[:-1]}, "", "no ONNX model"),
        (
            {"model.onnx": EXTERNAL},
            "",
            "other files",
        ),
        ({"model.onnx": onnx_bytes({"z": ("n", 3, 4, 4)}, {"y": ("n", 10)})}, CONFIG, "no input 'x'"),
        ({"model.onnx": onnx_bytes({"x": (1, 3, 4, 4)}, {"y": (1, 10)})}, CONFIG, "max_batch_size must be 0"),
        (
            {"model.onnx": onnx_bytes({"x": ("n", 1, 4, 4)}, {"y": ("n", 10)})},
            CONFIG,
            "x is FP32 [1, 4, 4] in",
        ),
        ({"model.pt": b"no archive"}, "", "no TorchScript archive"),
    ],
)
def test_a_model_that_is_none_or_another_is_refused(
    room: PushRoom, files: Mapping[str, bytes], config: str, says: str
) -> None:
    with pytest.raises(ReleaseRefused) as caught:
        room.push(files, config=config)
    assert says in flaws_of(caught.value)
    assert not room.parts.releases.list()


@pytest.mark.parametrize(
    ("takes", "gives", "unfit"),
    [
        (("n", 4), ("n", 4), ["goldens.0.sample", "goldens.0.expected"]),
        (("n", 3, "h", "w"), ("n", 10), ["goldens.0.expected"]),
        (("n", 3, "h", "w"), ("n", 1, "h", "w"), ["goldens.0.expected"]),
        (("n", 3, "h", "w"), ("n", 3, "h", "w"), []),
        (("n", 3, "h", "w"), ("n", "c", "h", "w"), []),
    ],
)
def test_a_golden_picture_is_refused_where_the_model_knows_no_pictures(
    room: PushRoom, takes: Dims, gives: Dims, unfit: list[str]
) -> None:
    files = {"model.onnx": onnx_bytes({"x": takes}, {"y": gives}, datatype=UINT8), "golden/a.png": b"a picture"}
    found: list[str] = []
    try:
        room.push(files, goldens=[Golden("golden/a.png", "golden/a.png", "psnr", 40)])
    except ReleaseRefused as error:
        found = [flaw.field for flaw in error.fields]
    assert found == unfit
    assert len(room.parts.releases.list()) == (not unfit)


def test_a_name_in_the_file_cannot_write_the_configuration(room: PushRoom, configs: ModelConfigs) -> None:
    evil = 'x" } ] backend: "python" input [ { name: "\n\\é'
    manifest = room.push({"model.onnx": onnx_bytes({evil: ("n", 4)}, {"y": ("n", 1)})})
    stored = room.parts.releases.read(manifest, "config.pbtxt").decode()
    config = configs.parse(stored)
    assert (config.backend, config.inputs[0].name) == ("onnxruntime", evil)


def test_a_file_of_nothing_but_tiny_fields_ends_soon() -> None:
    with pytest.raises(NotProtobufError):
        list(Fields(most=1000).of(memoryview(b"\x08\x01" * 1001)))
    assert len(list(Fields(most=1000).of(memoryview(b"\x08\x01" * 1000)))) == 1000
