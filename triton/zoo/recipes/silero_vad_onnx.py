"""`silero_vad`: Silero's sequence export, served unchanged; its state is passed in and out explicitly.

The other 16 kHz export (`silero_vad_16k_op15.onnx`) has a scalar input, which Triton cannot serve (stack facts H).
"""

from __future__ import annotations

from pathlib import Path

from wheels import WheelFile, fetch

WEIGHTS = WheelFile(
    requirement="silero-vad==6.2.3",
    path="silero_vad/data/silero_vad_16k_sequence.onnx",
    sha256="9ccdacc4719d8aa7e45a77536bfabec45a03ba1f2fad5e241ab4060b24238a85",
)


def build(cache: Path) -> bytes:
    """Return the model as it lies in the wheel."""
    return fetch(WEIGHTS, cache).read_bytes()
