"""`ObjectStorage` in memory. It passes the same contract tests as S3 (`contract/test_object_storage.py`)."""

import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.domain.errors import Category, InputChanged, InputNotFound, MediaTooLarge, OrchestratorError, Refused
from orchestrator.ports.storage import KeepGoing, ObjectInfo, SignedUrl, go_on


@dataclass
class MemoryStorage:
    """``objects`` holds (bytes, content type) by key. While ``failure`` is set, every call raises it.

    What is ``stuck`` is not deleted; everything is ``age_s`` old.
    """

    objects: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    failure: OrchestratorError | None = None
    stuck: dict[str, OrchestratorError] = field(default_factory=dict)
    age_s: float = 0.0

    def check(self) -> None:
        if self.failure is not None:
            raise self.failure

    def head(self, key: str) -> ObjectInfo:
        self.check()
        if key not in self.objects:
            raise InputNotFound
        body, content_type = self.objects[key]
        sha256 = hashlib.sha256(body).hexdigest()
        return ObjectInfo(key, len(body), sha256[:32], content_type, sha256)

    def fetch(
        self, key: str, destination: Path, *, etag: str, limit_bytes: int, keep_going: KeepGoing = go_on
    ) -> ObjectInfo:
        info = self.head(key)
        if info.etag != etag:
            raise InputChanged
        if info.size_bytes > limit_bytes:
            raise MediaTooLarge
        keep_going()
        with destination.open("xb") as file:
            file.write(self.objects[key][0])
        return info

    def store(self, source: Path, key: str, *, content_type: str, keep_going: KeepGoing = go_on) -> ObjectInfo:
        keep_going()
        return self.put(source.read_bytes(), key, content_type=content_type)

    def put(self, content: bytes, key: str, *, content_type: str) -> ObjectInfo:
        self.check()
        if self.objects.setdefault(key, (content, content_type))[0] != content:
            raise Refused("another", service="storage", category=Category.INTERNAL, code="object_exists")
        return self.head(key)

    def list(self, prefix: str, *, after: str = "") -> Iterator[ObjectInfo]:
        self.check()
        for key in sorted(self.objects):
            if key.startswith(prefix) and key > after:
                info = self.head(key)
                yield ObjectInfo(key, info.size_bytes, info.etag, "", age_s=self.age_s)

    def delete(self, key: str) -> None:
        self.check()
        if key in self.stuck:
            raise self.stuck[key]
        self.objects.pop(key, None)

    def sign_put(
        self, key: str, *, content_type: str, size_bytes: int, expires_s: float, only_new: bool = False
    ) -> SignedUrl:
        headers = {"Content-Type": content_type, "Content-Length": str(size_bytes)}
        headers |= {"If-None-Match": "*"} if only_new else {}
        return SignedUrl(f"memory://put/{key}", headers, time.time() + expires_s)

    def sign_get(self, key: str, *, expires_s: float, filename: str) -> SignedUrl:
        return SignedUrl(f"memory://get/{key}#{filename}", {}, time.time() + expires_s)

    def upload(self, signed: SignedUrl, body: bytes) -> bool:
        """What a client does with the URL of `sign_put`; whether the store takes it."""
        key = signed.url.removeprefix("memory://put/")
        is_taken = "If-None-Match" in signed.headers and key in self.objects
        accepted = len(body) == int(signed.headers["Content-Length"]) and not is_taken
        if accepted:
            self.objects[key] = (body, signed.headers["Content-Type"])
        return accepted

    def download(self, signed: SignedUrl) -> tuple[bytes, str]:
        """What a client gets from the URL of `sign_get`: the bytes, and the name a browser saves them as."""
        key, _, filename = signed.url.removeprefix("memory://get/").partition("#")
        return self.objects[key][0], filename
