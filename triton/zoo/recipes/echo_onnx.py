"""`echo`: an ONNX identity over bytes, for probes, canaries and benchmarks; made here, no weights."""

from __future__ import annotations

from pathlib import Path

from onnx import TensorProto, checker, helper

# Old enough for any ONNX Runtime in service, new enough for what the recipes use.
OPSET, IR_VERSION = 17, 8


def build(_: Path) -> bytes:
    """Return the serialised model: `input` UINT8 [batch, size] -> `output`, the same."""
    shape = ["batch", "size"]
    graph = helper.make_graph(
        [helper.make_node("Identity", ["input"], ["output"])],
        "echo",
        [helper.make_tensor_value_info("input", TensorProto.UINT8, shape)],
        [helper.make_tensor_value_info("output", TensorProto.UINT8, shape)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    checker.check_model(model)
    return bytes(model.SerializeToString())
