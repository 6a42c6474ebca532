"""A web on which a picture lies at every URL."""

import hashlib
from collections.abc import Callable
from pathlib import Path

from fakes_codec import FakePictures
from made_media import noise

from orchestrator.ports.codec import Picture
from orchestrator.ports.web import WebFile


class StillWeb:
    """A picture at every URL."""

    def fetch(self, url: str, destination: Path, *, limit_bytes: int, keep_going: Callable[[], None]) -> WebFile:
        del url, limit_bytes, keep_going
        FakePictures().encode(Picture(noise(3)), destination)
        content = destination.read_bytes()
        return WebFile(len(content), hashlib.sha256(content).hexdigest())
