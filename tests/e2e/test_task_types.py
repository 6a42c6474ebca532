"""The main job as a person does it: every task type, by the command line, on made media, with every real server."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from live_stack import LiveStack
from made_media import Film, noise, tone, write_film
from PIL import Image

pytestmark = pytest.mark.timeout(120)

SHOT_FRAMES = 75


def test_a_picture_is_upscaled(stack: LiveStack, tmp_path: Path) -> None:
    picture, out = tmp_path / "still.png", tmp_path / "out"
    Image.fromarray(noise(1, width=48, height=32)).save(picture)
    task = stack.show("submit", "image.upscale", picture, "--param", "scale=2", "--out", out)
    assert task["status"] == "succeeded"
    assert task["result"] == {"width": 96, "height": 64, "scale": 2}
    with Image.open(out / "upscaled.png") as made:
        assert made.size == (96, 64)
    receipt = json.loads((out / "receipt.json").read_text())
    facts = {"format": "png", "sha256": hashlib.sha256(picture.read_bytes()).hexdigest()}
    assert (receipt["task"], receipt["input"]) == (task["id"], task["input"] | facts)


def test_the_shots_of_a_film_are_found(stack: LiveStack, tmp_path: Path) -> None:
    scenes = (noise(1), noise(2))
    film = write_film(tmp_path / "clip.mp4", Film(frames=[scene for scene in scenes for _ in range(SHOT_FRAMES)]))
    out = tmp_path / "out"
    task = stack.show("submit", "video.shots", film, "--out", out)
    assert task["status"] == "succeeded"
    assert task["result"] == {"shots": 2, "frames": 2 * SHOT_FRAMES, "duration_s": 6.0, "contact_sheet_shots": 2}
    shots = json.loads((out / "shots.json").read_text())["shots"]
    assert [shot["start_frame"] for shot in shots] == [0, SHOT_FRAMES]
    assert {file.name for file in out.iterdir()} == {"shots.json", "contact_sheet.jpg", "receipt.json"}


def test_a_sound_without_speech_has_no_segments(stack: LiveStack, tmp_path: Path) -> None:
    sound, out = write_film(tmp_path / "sound.wav", Film(sound=tone(2.0))), tmp_path / "out"
    task = stack.show("submit", "audio.speech", sound, "--out", out)
    assert task["status"] == "succeeded"
    assert task["result"] == {"segments": 0, "speech_s": 0, "duration_s": 2.0}
    assert json.loads((out / "speech.json").read_text()) == {"sample_rate_hz": 16_000, "segments": []}
    assert (out / "speech.vtt").read_text().startswith("WEBVTT")


def test_any_model_is_asked_by_its_name(stack: LiveStack, tmp_path: Path) -> None:
    np.savez(tmp_path / "sent.npz", input=(np.arange(300) % 256).astype(np.uint8).reshape(3, 100))
    task = stack.show("submit", "model.infer", tmp_path / "sent.npz", "--param", "model=echo", "--out", tmp_path)
    shown = {"shape": [3, 100], "datatype": "UINT8", "min": 0, "max": 255}
    assert (task["status"], task["result"]) == ("succeeded", {"outputs": {"output": shown}})
    with np.load(tmp_path / "outputs.npz") as made, np.load(tmp_path / "sent.npz") as sent:
        assert np.array_equal(made["output"], sent["input"])
    receipt = json.loads((tmp_path / "receipt.json").read_text())
    assert (receipt["model"]["name"], receipt["usage"]["samples"]) == ("echo", 3)


def test_a_picture_that_is_none_fails_the_command(stack: LiveStack, tmp_path: Path) -> None:
    (tmp_path / "fake.png").write_bytes(b"not a picture at all")
    failed = stack.run("submit", "image.upscale", tmp_path / "fake.png", "--watch", "--json")
    assert failed.returncode == 1
    task = json.loads(failed.stdout)
    assert task["status"] == "failed"
    assert task["error"]["category"] == "invalid_input"


def test_a_failed_task_is_listed_shown_and_retried(stack: LiveStack) -> None:
    failed = stack.run("submit", "system.echo", "--param", "fail=invalid_input", "--watch", "--json")
    assert failed.returncode == 1
    task_id = json.loads(failed.stdout)["id"]
    listed = stack.show("tasks", "list", "--status", "failed", "--type", "system.echo")
    assert task_id in {task["id"] for task in listed}
    assert stack.show("tasks", "show", task_id)["error"]["code"] == "echo_failed"
    assert stack.show("tasks", "retry", task_id, "--generation", "1")["generation"] == 2
    refused = stack.run("tasks", "retry", task_id, "--generation", "1")
    assert refused.returncode == 1
    assert "generation_changed" in refused.stderr


def test_an_echo_of_a_megabyte_comes_back_whole(stack: LiveStack) -> None:
    task = stack.show("submit", "system.echo", "--param", "size_bytes=1048576", "--watch")
    assert task["status"] == "succeeded"
    assert task["result"] == {"size_bytes": 1_048_576}
    (attempt,) = task["attempts"]
    assert attempt["error"] is None


def test_a_delayed_echo_is_canceled_by_hand(stack: LiveStack) -> None:
    task_id = stack.show("submit", "system.echo", "--param", "delay_ms=60000")["id"]
    assert stack.show("tasks", "cancel", task_id)["status"] in {"canceling", "canceled"}
