"""The real server, started by launch.py, serves the stock models through our Python-based backends."""

from __future__ import annotations

import queue
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from google.protobuf import json_format, text_format
from live_triton import CONTROL_KEY, LiveTriton, wait_until
from numpy.typing import NDArray
from tritonclient.grpc import InferenceServerClient, InferInput, InferRequestedOutput, InferResult, model_config_pb2
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

Arrays = Mapping[str, NDArray[Any]]
Outcomes = queue.SimpleQueue[InferenceServerException | None]
# Ten seconds of work each on one core; of two shapes, since Triton would merge equal ones for one instance.
LONG_PICTURES = (np.zeros((1, 3, 768, 768), np.uint8), np.zeros((1, 3, 768, 760), np.uint8))
TILE = np.arange(3 * 64 * 64, dtype=np.uint8).reshape(1, 3, 64, 64)


def tensors(arrays: Arrays) -> list[InferInput]:
    made = []
    for name, array in arrays.items():
        tensor = InferInput(name, list(array.shape), np_to_triton_dtype(array.dtype))
        made.append(tensor.set_data_from_numpy(array))
    return made


def infer(client: InferenceServerClient, model: str, **arrays: NDArray[Any]) -> InferResult:
    """Call a model with its inputs by name."""
    return client.infer(model, tensors(arrays), client_timeout=60)


def into(outcomes: Outcomes) -> Callable[..., None]:
    """Make a callback that puts a call's error, or None, into the queue; tritonclient passes both by name."""

    def put(result: InferResult | None, error: InferenceServerException | None) -> None:  # noqa: ARG001 - as passed
        outcomes.put(error)

    return put


def test_echo_gives_back_what_it_got(client: InferenceServerClient) -> None:
    sent = np.arange(1000, dtype=np.uint8)[None]
    np.testing.assert_array_equal(infer(client, "echo", input=sent).as_numpy("output"), sent)


def test_transnetv2_serves_a_batch(client: InferenceServerClient, repository: Path) -> None:
    windows = torch.randint(0, 256, (2, 100, 27, 48, 3), generator=torch.Generator().manual_seed(7), dtype=torch.uint8)
    with torch.inference_mode():
        expected = torch.jit.load(str(repository / "transnetv2" / "1" / "model.pt"))(windows)
    result = infer(client, "transnetv2", INPUT__0=windows.numpy())
    rounding = 1e-3 if torch.cuda.is_available() else 1e-6  # a GPU multiplies in TF32; 2.5e-4 was seen
    for index in range(2):
        served = result.as_numpy(f"OUTPUT__{index}")
        np.testing.assert_allclose(served, expected[index].numpy(), rtol=0, atol=rounding)


def test_realesrgan_serves_a_tile(client: InferenceServerClient) -> None:
    upscaled = infer(client, "realesrgan_x4", image=TILE).as_numpy("upscaled")
    assert (upscaled.shape, upscaled.dtype) == ((1, 3, 256, 256), np.uint8)


def load_with(client: InferenceServerClient, config: Path, *, server: LiveTriton) -> None:
    """Load the model that the config names anew. Without a config Triton takes the load of a loaded model for done."""
    parsed = text_format.Parse(config.read_text("utf-8"), model_config_pb2.ModelConfig())
    client.load_model(parsed.name, config=json_format.MessageToJson(parsed), headers=server.control_headers)


def test_realesrgan_serves_the_same_picture_from_torchscript(
    client: InferenceServerClient, server: LiveTriton, repository: Path
) -> None:
    """Its tensors have names without numbers, as the native backend, too, takes them: by their place in the config."""
    onnx = infer(client, "realesrgan_x4", image=TILE).as_numpy("upscaled")
    folder = repository / "realesrgan_x4"
    load_with(client, folder / "configs" / "gpu.pbtxt", server=server)
    try:
        torchscript = infer(client, "realesrgan_x4", image=TILE).as_numpy("upscaled")
    finally:
        load_with(client, folder / "config.pbtxt", server=server)
    assert np.abs(torchscript.astype(int) - onnx.astype(int)).max() <= 1


def test_silero_carries_its_state(client: InferenceServerClient) -> None:
    """Two blocks with the state handed on equal one block."""
    noise = np.random.default_rng(0).normal(0, 0.1, (20, 576)).astype(np.float32)
    state = np.zeros((1, 1, 128), np.float32)
    whole = infer(client, "silero_vad", input=noise, h=state, c=state)
    first = infer(client, "silero_vad", input=noise[:12], h=state, c=state)
    carried = {"h": first.as_numpy("hn"), "c": first.as_numpy("cn")}
    second = infer(client, "silero_vad", input=noise[12:], **carried)
    parts = np.concatenate([first.as_numpy("speech_probs"), second.as_numpy("speech_probs")])
    np.testing.assert_allclose(parts, whole.as_numpy("speech_probs"), rtol=0, atol=1e-6)


def test_only_the_outputs_asked_for_come_back(client: InferenceServerClient) -> None:
    state = np.zeros((1, 1, 128), np.float32)
    inputs = tensors({"input": np.zeros((1, 576), np.float32), "h": state, "c": state})
    result = client.infer("silero_vad", inputs, outputs=[InferRequestedOutput("hn")])
    assert result.as_numpy("hn").shape == (1, 1, 128)
    assert result.as_numpy("cn") is None


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (np.zeros((1, 4, 8, 8), np.uint8), "unexpected shape for input"),
        (np.zeros((9, 3, 8, 8), np.uint8), "batch-size must be <= 8"),
        (np.zeros((1, 3, 8, 8), np.float32), "data-type is 'FP32', but model"),
    ],
)
def test_a_wrong_tensor_is_told_in_the_native_words(
    client: InferenceServerClient, image: NDArray[Any], words: str
) -> None:
    with pytest.raises(InferenceServerException, match=words) as caught:
        infer(client, "realesrgan_x4", image=image)
    assert caught.value.status() == "StatusCode.INVALID_ARGUMENT"


def test_a_cancelled_picture_frees_its_instance(client: InferenceServerClient, server: LiveTriton) -> None:
    """Two long pictures hold both instances and a tile waits; once they are cancelled it is served at once."""
    answers, served = Outcomes(), Outcomes()
    long_runs = [
        client.async_infer("realesrgan_x4", tensors({"image": picture}), callback=into(answers))
        for picture in LONG_PICTURES
    ]
    client.async_infer("realesrgan_x4", tensors({"image": TILE}), callback=into(served))
    wait_until(lambda: server.metric("nv_inference_pending_request_count", "realesrgan_x4") == 1, "the tile waits")
    cancelled_at = time.monotonic()
    for run in long_runs:
        run.cancel()
    assert served.get(timeout=30) is None
    assert time.monotonic() - cancelled_at < 2
    for _ in long_runs:
        assert "cancelled" in str(answers.get(timeout=5)).lower()


def test_control_is_closed_without_the_key(client: InferenceServerClient, server: LiveTriton) -> None:
    with pytest.raises(InferenceServerException, match="This protocol is restricted"):
        client.unload_model("echo")
    assert post(server, "repository/models/echo/unload", headers={}) == 403
    assert client.is_model_ready("echo")


def test_control_over_http_opens_with_the_key(server: LiveTriton) -> None:
    assert post(server, "repository/index", headers={"orchestrator-control": CONTROL_KEY}) == 200


def test_a_model_that_is_not_there_fails_to_load(client: InferenceServerClient, server: LiveTriton) -> None:
    with pytest.raises(InferenceServerException, match="failed to poll from model repository"):
        client.load_model("nothing", headers=server.control_headers)


def post(server: LiveTriton, path: str, *, headers: Mapping[str, str]) -> int:
    """Send an empty JSON object to the HTTP endpoint and return the status."""
    url = f"http://127.0.0.1:{server.http_port}/v2/{path}"
    request = urllib.request.Request(url, data=b"{}", headers=dict(headers), method="POST")
    try:
        with urllib.request.urlopen(request) as answer:  # noqa: S310 - our own server over http
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
