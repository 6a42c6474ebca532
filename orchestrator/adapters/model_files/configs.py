"""`ModelConfigs` with the protobuf classes of tritonclient."""

from typing import Any

from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2 as pb

from orchestrator.domain.manifest import TensorSpec
from orchestrator.domain.model_config import Instances, ModelConfig, Queue
from orchestrator.domain.release_errors import ReleaseRefused

LONGEST = 256 * 1024


class TextConfigs:
    """Implements `ports.model_files.ModelConfigs`."""

    def parse(self, text: str) -> ModelConfig:
        config = _read(text)
        return ModelConfig(
            name=config.name,
            backend=config.backend,
            file=config.default_model_filename,
            max_batch_size=config.max_batch_size,
            inputs=tuple(map(_tensor, config.input)),
            outputs=tuple(map(_tensor, config.output)),
            instances=tuple(map(_instances, config.instance_group)),
            queue=_queue(config.dynamic_batching) if config.HasField("dynamic_batching") else None,
            parameters={name: value.string_value for name, value in config.parameters.items()},
            fields=frozenset(field.name for field, _ in config.ListFields()),
        )

    def named(self, text: str, name: str) -> str:
        config = _read(text)
        config.name = name
        return str(text_format.MessageToString(config))


def _read(text: str) -> Any:  # noqa: ANN401 - protobuf makes its classes at run time
    if len(text) > LONGEST:
        raise ReleaseRefused(f"a config.pbtxt has at most {LONGEST} characters")
    try:
        return text_format.Parse(text, pb.ModelConfig())
    except text_format.ParseError as error:
        line = error.GetLine()
        raise ReleaseRefused(f"the config.pbtxt cannot be read{f': line {line}' if line else ''}") from error


def _tensor(tensor: Any) -> TensorSpec:  # noqa: ANN401 - as above
    datatype = pb.DataType.Name(tensor.data_type).removeprefix("TYPE_")
    return TensorSpec(tensor.name, "" if datatype == "INVALID" else datatype, tuple(tensor.dims))


def _instances(group: Any) -> Instances:  # noqa: ANN401 - as above
    kind = pb.ModelInstanceGroup.Kind.Name(group.kind)
    return Instances(group.count, "" if kind == "KIND_AUTO" else kind, tuple(group.gpus))


def _queue(batching: Any) -> Queue:  # noqa: ANN401 - as above
    policy = batching.default_queue_policy
    return Queue(
        priority_levels=batching.priority_levels,
        default_priority_level=batching.default_priority_level,
        rejects=policy.timeout_action == pb.ModelQueuePolicy.REJECT,
        timeout_us=policy.default_timeout_microseconds,
        allows_override=policy.allow_timeout_override,
        size=policy.max_queue_size,
    )
