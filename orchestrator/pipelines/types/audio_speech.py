"""`audio.speech`: when somebody speaks, by Silero VAD, as JSON and WebVTT."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from pydantic import Field

from orchestrator.domain.media import MediaKind
from orchestrator.domain.task import Progress
from orchestrator.pipelines.inflight import ModelRoute, Request, infer_in_order
from orchestrator.pipelines.pipeline import LocalArtifact, Outcome, Params, Workbench
from orchestrator.pipelines.speech import (
    CONTEXT,
    FRAME,
    RATE_HZ,
    Segment,
    SpeechRules,
    blocks,
    find_speech,
    frames_of,
)

BLOCK = 500 * FRAME  # 16 s of sound in one call of about 80 ms (stack facts H, Silero)


class SpeechParams(Params):
    """What counts as speech; the defaults are Silero's own."""

    threshold: float = Field(0.5, gt=0, lt=1, description="A frame with this probability or a higher one is speech.")
    min_speech_ms: int = Field(250, ge=0, le=60_000, description="Shorter speech is dropped.")
    min_silence_ms: int = Field(100, ge=0, le=60_000, description="Shorter silence does not end speech.")
    pad_ms: int = Field(30, ge=0, le=10_000, description="Added on both sides of speech.")


class AudioSpeech:
    """The network carries its state from block to block, so the blocks of one task go one after the other."""

    name = "audio.speech"
    summary = "Find speech in a recording, or in the sound of a film."
    lane = "audio"
    model = "silero_vad"
    accepts = frozenset({MediaKind.AUDIO, MediaKind.VIDEO})
    params = SpeechParams
    predicted_s = 3.0

    def run(self, params: Any, bench: Workbench) -> Outcome:  # noqa: ANN401 - the registry holds all types
        asked: SpeechParams = params
        probabilities, sample_count = self._speech_probabilities(bench)
        segments = find_speech(probabilities, SpeechRules(**asked.model_dump()), sample_count=sample_count)
        bench.log("speech.found", segments=len(segments))
        table, captions = bench.scratch / "speech.json", bench.scratch / "speech.vtt"
        rows = [_row(segment) for segment in segments]
        table.write_text(json.dumps({"sample_rate_hz": RATE_HZ, "segments": rows}, indent=1))
        captions.write_text(_render_webvtt(segments))
        return Outcome(
            result={
                "segments": len(segments),
                "speech_s": round(sum(segment.end - segment.start for segment in segments) / RATE_HZ, 3),
                "duration_s": round(sample_count / RATE_HZ, 3),
            },
            artifacts=(LocalArtifact(table, "application/json"), LocalArtifact(captions, "text/vtt")),
            usage={"inferences": -(-len(probabilities) * FRAME // BLOCK), "frames": len(probabilities)},
        )

    def _speech_probabilities(self, bench: Workbench) -> tuple[list[float], int]:
        """The probability of each frame, and how many samples there were."""
        source, info = bench.medium
        outputs = ("speech_probs", "hn", "cn")
        route = ModelRoute(bench.engine, self.model, outputs, 1, bench.infer_timeout_s, bench.cancel)
        context = np.zeros(CONTEXT, np.float32)
        hidden = cell = np.zeros((1, 1, 128), np.float32)
        probabilities: list[float] = []
        sample_count = 0
        with bench.media.samples(source, rate_hz=RATE_HZ) as samples:
            for block in blocks(samples, BLOCK):
                request = Request(None, {"input": frames_of(block, context), "h": hidden, "c": cell})
                ((_, answer),) = infer_in_order(route, [request])
                hidden, cell, context = answer["hn"], answer["cn"], block[-CONTEXT:]
                probabilities += answer["speech_probs"].tolist()
                sample_count += len(block)
                total = max(round(info.duration_s * RATE_HZ), sample_count)
                bench.report(Progress("infer", fraction=sample_count / total, done=sample_count, total=total))
        return probabilities, sample_count


def _row(segment: Segment) -> dict[str, float]:
    return {
        "start_s": round(segment.start / RATE_HZ, 3),
        "end_s": round(segment.end / RATE_HZ, 3),
        "start_sample": segment.start,
        "end_sample": segment.end,
    }


def _render_webvtt(segments: Sequence[Segment]) -> str:
    cues = [f"{_timestamp(segment.start)} --> {_timestamp(segment.end)}\n[speech]\n" for segment in segments]
    return "\n".join(["WEBVTT\n", *cues])


def _timestamp(sample: int) -> str:
    """As WebVTT writes a time: hours, minutes, seconds and milliseconds."""
    seconds, milliseconds = divmod(round(sample * 1000 / RATE_HZ), 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{milliseconds:03}"
