"""Every committed config.pbtxt keeps the queue policy of stack facts C.3 and what NVIDIA's native backends accept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

REPOSITORY = Path(__file__).resolve().parents[2] / "model_repository"
CONFIGS = sorted([*REPOSITORY.glob("*/config.pbtxt"), *REPOSITORY.glob("*/configs/*.pbtxt")])
NATIVE_PARAMETERS = {
    "onnxruntime": {"intra_op_thread_count", "inter_op_thread_count"},
    "pytorch": {"INTRA_OP_THREAD_COUNT", "INTER_OP_THREAD_COUNT"},
}
FILE_NAMES = {"onnxruntime": "model.onnx", "pytorch": "model.pt"}


@pytest.fixture(params=CONFIGS, ids=lambda path: str(path.relative_to(REPOSITORY)))
def named_config(request: pytest.FixtureRequest) -> tuple[str, Any]:
    """Return the folder's name and the parsed config; an unknown field fails the parse."""
    path: Path = request.param
    return path.relative_to(REPOSITORY).parts[0], text_format.Parse(
        path.read_text("utf-8"), model_config_pb2.ModelConfig()
    )


def test_the_stock_models_have_configs() -> None:
    assert {path.parent.name for path in CONFIGS} >= {"echo", "realesrgan_x4", "silero_vad", "transnetv2"}


def test_name_and_file_are_the_expected_ones(named_config: tuple[str, Any]) -> None:
    folder, config = named_config
    assert config.name == folder
    assert config.default_model_filename == FILE_NAMES[config.backend]


def test_the_queue_is_bounded_and_times_out(named_config: tuple[str, Any]) -> None:
    _, config = named_config
    instances = sum(group.count for group in config.instance_group)
    policy = config.dynamic_batching.default_queue_policy
    assert config.dynamic_batching.priority_levels == 2
    assert config.dynamic_batching.default_priority_level == 2
    assert policy.timeout_action == model_config_pb2.ModelQueuePolicy.REJECT
    assert policy.default_timeout_microseconds == 30_000_000
    assert policy.allow_timeout_override
    assert policy.max_queue_size == 4 * max(config.max_batch_size, 1) * instances


def test_instances_have_a_count_and_no_kind(named_config: tuple[str, Any]) -> None:
    _, config = named_config
    assert config.instance_group
    for group in config.instance_group:
        assert group.count >= 1
        assert group.kind == model_config_pb2.ModelInstanceGroup.KIND_AUTO
        assert not group.gpus


def test_parameters_are_those_of_the_native_backends(named_config: tuple[str, Any]) -> None:
    _, config = named_config
    assert set(config.parameters) <= NATIVE_PARAMETERS[config.backend]


def test_torchscript_tensors_have_an_order(named_config: tuple[str, Any]) -> None:
    """By number, or by their place in the config; the native backend reads a name with `__` in it as numbered."""
    _, config = named_config
    if config.backend == "pytorch":
        for tensors, numbered in ((config.input, "INPUT__"), (config.output, "OUTPUT__")):
            names = [tensor.name for tensor in tensors]
            assert names == [f"{numbered}{at}" for at in range(len(names))] or not any("__" in name for name in names)


@pytest.mark.parametrize("path", sorted(REPOSITORY.glob("*/configs/*.pbtxt")), ids=str)
def test_another_config_serves_the_same_tensors(path: Path) -> None:
    """Clients do not know which of the two is served."""
    theirs = path.parents[1] / "config.pbtxt"
    ours, usual = (text_format.Parse(one.read_text("utf-8"), model_config_pb2.ModelConfig()) for one in (path, theirs))
    assert (list(ours.input), list(ours.output)) == (list(usual.input), list(usual.output))
    assert ours.max_batch_size == usual.max_batch_size
