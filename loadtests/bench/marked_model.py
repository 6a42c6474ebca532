"""Writes the ONNX file of a model that says which release it is, in .venv-triton; `swaps.py` pushes it."""

import sys
from pathlib import Path

from onnx import TensorProto, helper, save

OPSET, IR_VERSION = 17, 8


def main() -> None:
    """`value` INT32 [batch, 1] comes back as it is, and beside it `mark`, the number of the release."""
    path, number = Path(sys.argv[1]), int(sys.argv[2])
    shape = ["batch", 1]
    nothing, mark = (
        helper.make_tensor(name, TensorProto.INT32, [1], [value])
        for name, value in (("nothing", 0), ("number", number))
    )
    nodes = [
        helper.make_node("Identity", ["value"], ["same"]),
        helper.make_node("Mul", ["value", "nothing"], ["zeros"]),
        helper.make_node("Add", ["zeros", "number"], ["mark"]),
    ]
    tensors = {
        name: helper.make_tensor_value_info(name, TensorProto.INT32, shape) for name in ("value", "same", "mark")
    }
    graph = helper.make_graph(nodes, "marked", [tensors["value"]], [tensors["same"], tensors["mark"]], [nothing, mark])
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION), path)


if __name__ == "__main__":
    main()
