"""What the Triton side's tests share: the built model repository and one real server with the stock models loaded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import build
import pytest
from live_triton import LiveTriton, start_triton, wait_until
from tritonclient.grpc import InferenceServerClient

REPOSITORY = Path(__file__).resolve().parents[2] / "model_repository"
MODELS = ("echo", "realesrgan_x4", "silero_vad", "transnetv2")


@pytest.fixture(scope="session")
def cache() -> Path:
    """Return where downloaded wheels are kept."""
    return build.DEFAULT_CACHE


@pytest.fixture(scope="session")
def repository(cache: Path) -> Path:
    """Return the model repository with every stock model built, as `make models` leaves it."""
    for name in MODELS:
        build.build_missing(name, REPOSITORY, cache=cache)
    return REPOSITORY


@pytest.fixture(scope="session")
def server(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveTriton]:
    """Start Triton, and end it when the tests are over."""
    triton = start_triton(tmp_path_factory.mktemp("triton"), repository)
    with triton.process:
        try:
            wait_until(triton.is_ready, f"Triton is ready (log: {triton.log})", deadline_s=60)
            yield triton
        finally:
            triton.process.terminate()


@pytest.fixture(scope="session")
def client(server: LiveTriton) -> Iterator[InferenceServerClient]:
    """Return a client of the server, every stock model loaded over gRPC."""
    with server.connect() as connected:
        for name in MODELS:
            connected.load_model(name, headers=server.control_headers)
        yield connected
