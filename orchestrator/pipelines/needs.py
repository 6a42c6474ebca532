"""Which tensors the task types of this node ask their models for, by the model's name."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Need:
    """What a task type sends, and what it reads."""

    task_type: str
    inputs: frozenset[str]
    outputs: frozenset[str]


NEEDS: Mapping[str, Need] = {
    "echo": Need("system.echo", frozenset({"input"}), frozenset({"output"})),
    "realesrgan_x4": Need("image.upscale", frozenset({"image"}), frozenset({"upscaled"})),
    "transnetv2": Need("video.shots", frozenset({"INPUT__0"}), frozenset({"OUTPUT__0"})),
    "silero_vad": Need("audio.speech", frozenset({"input", "h", "c"}), frozenset({"speech_probs", "hn", "cn"})),
}
