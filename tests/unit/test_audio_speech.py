"""`audio.speech` without Triton and without real sound: what the model gets, and what clients get."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from benches import make_bench
from fakes_codec import FakeMedia
from fakes_engine import FakeEngine
from made_media import Film, flat

from orchestrator.domain.errors import UnsupportedMedia
from orchestrator.domain.task import Progress
from orchestrator.pipelines.pipeline import Workbench
from orchestrator.pipelines.speech import CONTEXT, FRAME
from orchestrator.pipelines.types.audio_speech import BLOCK, AudioSpeech, SpeechParams
from orchestrator.ports.codec import Samples
from orchestrator.ports.inference import Tensors


def hear_loudness(inputs: Tensors) -> Tensors:
    """A model that takes loud frames for speech, and counts its calls in the state that it hands on."""
    frames = inputs["input"][:, CONTEXT:]
    return {"speech_probs": np.abs(frames).max(axis=1), "hn": inputs["h"] + 1, "cn": inputs["c"] + 2}


def sound_of(*seconds_and_loudness: tuple[float, float]) -> Samples:
    return np.concatenate([np.full(round(s * 16_000), loud, np.float32) for s, loud in seconds_and_loudness])


def given_film(bench: Workbench, film: Film) -> Workbench:
    media = FakeMedia()
    source = media.put(bench.scratch / "film", film)
    return replace(bench, media=media, source=source, info=media.probe(source))


def test_speech_is_listed_in_seconds_and_samples(tmp_path: Path) -> None:
    sound = sound_of((1.024, 0), (2.048, 0.9), (1.024, 0))
    bench = given_film(make_bench(tmp_path, FakeEngine({"silero_vad": hear_loudness})), Film(sound=sound))
    outcome = AudioSpeech().run(SpeechParams(), bench)
    assert json.loads((tmp_path / "speech.json").read_text())["segments"] == [
        {"start_s": 0.994, "end_s": 3.102, "start_sample": 15904, "end_sample": 49632}
    ]
    assert (tmp_path / "speech.vtt").read_text() == "WEBVTT\n\n00:00:00.994 --> 00:00:03.102\n[speech]\n"
    assert outcome.result == {"segments": 1, "speech_s": 2.108, "duration_s": 4.096}
    assert outcome.usage == {"inferences": 1, "frames": 128}


def test_the_state_and_the_last_samples_go_from_block_to_block(tmp_path: Path) -> None:
    calls: list[Tensors] = []

    def listen(inputs: Tensors) -> Tensors:
        calls.append(inputs)
        return hear_loudness(inputs)

    sound = np.random.default_rng(1).uniform(-0.4, 0.4, 2 * BLOCK + 300).astype(np.float32)
    bench = given_film(make_bench(tmp_path, FakeEngine({"silero_vad": listen})), Film(sound=sound))
    outcome = AudioSpeech().run(SpeechParams(), bench)
    assert [call["input"].shape for call in calls] == [(500, 576), (500, 576), (1, 576)]
    assert [(call["h"].max(), call["c"].max()) for call in calls] == [(0, 0), (1, 2), (2, 4)]
    assert not calls[0]["input"][0, :CONTEXT].any()
    assert calls[1]["input"][0] == pytest.approx(sound[BLOCK - CONTEXT : BLOCK + FRAME], abs=1e-6)
    assert outcome.usage == {"inferences": 3, "frames": 1001}


def test_progress_counts_samples(tmp_path: Path) -> None:
    seen: list[Progress] = []
    engine = FakeEngine({"silero_vad": hear_loudness})
    AudioSpeech().run(
        SpeechParams(), given_film(make_bench(tmp_path, engine, report=seen.append), Film(sound=sound_of((20, 0))))
    )
    assert [(progress.done, progress.total) for progress in seen] == [(BLOCK, 320_000), (320_000, 320_000)]


def test_silence_has_no_segments(tmp_path: Path) -> None:
    engine = FakeEngine({"silero_vad": hear_loudness})
    outcome = AudioSpeech().run(SpeechParams(), given_film(make_bench(tmp_path, engine), Film(sound=sound_of((1, 0)))))
    assert outcome.result == {"segments": 0, "speech_s": 0, "duration_s": 1.0}
    assert (tmp_path / "speech.vtt").read_text() == "WEBVTT\n"


def test_a_silent_film_is_refused(tmp_path: Path) -> None:
    bench = given_film(make_bench(tmp_path, FakeEngine({})), Film(frames=[flat((1, 2, 3))]))
    with pytest.raises(UnsupportedMedia):
        AudioSpeech().run(SpeechParams(), bench)
