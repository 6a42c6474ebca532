"""Silero VAD's rules around its network: how samples become frames, and probabilities become speech. Pure.

After the behaviour of the upstream package's `get_speech_timestamps` (silero-vad 6.2.3; stack facts H, Silero).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from orchestrator.ports.codec import Samples

RATE_HZ = 16_000
FRAME = 512
CONTEXT = 64
SAMPLES_PER_MS = RATE_HZ // 1000


@dataclass(frozen=True, slots=True)
class Segment:
    """Speech from sample ``start`` up to, and without, sample ``end``."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class SpeechRules:
    """When speech begins (``threshold``) and ends (0.15 below it, for ``min_silence_ms``), and what is too short."""

    threshold: float = 0.5
    min_speech_ms: int = 250
    min_silence_ms: int = 100
    pad_ms: int = 30

    @property
    def exit_threshold(self) -> float:
        return max(self.threshold - 0.15, 0.01)


def blocks(samples: Iterable[Samples], size: int) -> Iterator[Samples]:
    """The same samples in blocks of ``size``; only the last may be shorter."""
    waiting: list[Samples] = []
    count = 0
    for piece in samples:
        waiting.append(piece)
        count += len(piece)
        if count >= size:
            joined = np.concatenate(waiting)
            whole = count - count % size
            yield from joined[:whole].reshape(-1, size)
            waiting, count = [joined[whole:]], count - whole
    if count:
        yield np.concatenate(waiting)


def frames_of(block: Samples, context: Samples) -> Samples:
    """The model's input [n, 576]: frames of 512, each behind the last 64 samples before it; silence fills the last."""
    filled = np.pad(block, (0, -len(block) % FRAME))
    stream = np.concatenate((context, filled))
    return np.ascontiguousarray(np.lib.stride_tricks.sliding_window_view(stream, CONTEXT + FRAME)[::FRAME])


def find_speech(probabilities: Sequence[float], rules: SpeechRules, *, sample_count: int) -> list[Segment]:
    """Speech in ``sample_count`` samples, given the probability of each frame."""
    shortest = rules.min_speech_ms * SAMPLES_PER_MS
    spoken = [
        turn for turn in _turns(probabilities, rules, sample_count=sample_count) if turn.end - turn.start > shortest
    ]
    return _padded(spoken, sample_count=sample_count, pad=rules.pad_ms * SAMPLES_PER_MS)


def _turns(probabilities: Sequence[float], rules: SpeechRules, *, sample_count: int) -> Iterator[Segment]:
    """From the first frame at the threshold to the first of a silence that lasts. Frames between the two thresholds
    neither begin nor end anything, yet a silence goes on through them.
    """
    start: int | None = None
    silence: int | None = None
    for index, probability in enumerate(probabilities):
        now = index * FRAME
        if probability >= rules.threshold:
            start = now if start is None else start
            silence = None
        elif probability < rules.exit_threshold and start is not None:
            silence = now if silence is None else silence
            if now - silence >= rules.min_silence_ms * SAMPLES_PER_MS:
                yield Segment(start, silence)
                start = silence = None
    if start is not None:
        yield Segment(start, sample_count)


def _padded(spoken: list[Segment], *, sample_count: int, pad: int) -> list[Segment]:
    """Each a little longer on both sides; a pause too short for that is shared by its neighbours."""
    if not spoken:
        return []
    padded = [replace(spoken[0], start=max(0, spoken[0].start - pad))]
    for before, after in pairwise(spoken):
        pause = after.start - before.end
        share = pad if pause >= 2 * pad else pause // 2
        padded[-1] = replace(padded[-1], end=min(sample_count, before.end + share))
        padded.append(replace(after, start=max(0, after.start - share)))
    padded[-1] = replace(padded[-1], end=min(sample_count, padded[-1].end + pad))
    return padded
