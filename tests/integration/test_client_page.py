"""docs/client.md does what it says: its examples are run, in order, against the real API and the real storage."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty
from typing import Any

import pytest
import servers
from front_door import KEYS, SECRETS, FrontDoor
from push_room import MODEL

from orchestrator.adapters.s3_storage import S3Storage

PAGE = Path(__file__).resolve().parents[2] / "docs" / "client.md"
EXAMPLE = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture
def storage(r2_server: servers.SeaweedFs) -> S3Storage:
    return S3Storage(r2_server.address)


@contextmanager
def working(door: FrontDoor, scratch: Path) -> Iterator[None]:
    """Somebody who runs every task that is submitted."""
    is_over = threading.Event()

    def work() -> None:
        while not is_over.is_set():
            try:
                lane = door.bells.pulses.get(timeout=0.05)
            except Empty:
                continue
            door.worker.finish(door.worker.claim(lane), {"upscaled.png": b"large"}, scratch=scratch)

    worker = threading.Thread(target=work)
    worker.start()
    try:
        yield
    finally:
        is_over.set()
        worker.join()


def test_every_example_runs(door: FrontDoor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "still.png").write_bytes(b"\x89PNG" * 1000)
    (tmp_path / "upscale.onnx").write_bytes(MODEL)
    (tmp_path / "results").mkdir()
    text = PAGE.read_text(encoding="utf-8").replace("http://127.0.0.1:8080", door.url)
    examples = EXAMPLE.findall(text)
    assert len(examples) >= 7
    names: dict[str, Any] = {"api_key": KEYS["film-a"], "admin_key": SECRETS.admin_key}
    with working(door, tmp_path):
        for number, example in enumerate(examples, 1):
            exec(compile(example, f"docs/client.md, example {number}", "exec"), names)  # noqa: S102 - our own page
    names["client"].close()
    assert (tmp_path / "results" / "upscaled.png").read_bytes() == b"large"
