"""Releases in object storage, at `models/<model>/<version>/` (ADR 0047).

`push.json` is there first, and stays: who could write it has the version. `manifest.json` comes last: with it, the
release is whole.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrator.domain.canonical import canonical_json
from orchestrator.domain.errors import Category, InputNotFound, Refused
from orchestrator.domain.manifest import Manifest
from orchestrator.domain.model import ModelNotFound, Release
from orchestrator.domain.push import MANIFEST, PUSH, ROOT, Push, folder_of
from orchestrator.domain.release_errors import ReleaseExists
from orchestrator.pipelines.local_copy import local_copy
from orchestrator.ports.storage import ObjectInfo, ObjectStorage

KEY = re.compile(rf"{ROOT}(?P<model>[^/]+)/(?P<version>[1-9][0-9]*)/(?P<name>[^/]+)")
JSON = "application/json"
SMALL_BYTES = 64 * 1024**2
EXISTS = "object_exists"


@dataclass(frozen=True, slots=True)
class StoredReleases:
    """Implements `ports.releases`, both sides. What never changes is read once."""

    storage: ObjectStorage
    url_expires_s: float
    _read: dict[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)

    def find(self, release: Release) -> Manifest:
        return Manifest.parse(self._look(release, MANIFEST))

    def list(self, model: str = "") -> tuple[Manifest, ...]:
        manifests = (Manifest.parse(self._json(found)) for _, found in self._named(MANIFEST, model))
        return tuple(sorted(manifests, key=lambda manifest: manifest.release))

    def links(self, manifest: Manifest) -> Mapping[str, str]:
        folder = folder_of(manifest.release)
        return {
            file.path: self.storage.sign_get(
                folder + file.path, expires_s=self.url_expires_s, filename=file.path.rpartition("/")[2]
            ).url
            for file in manifest.files
        }

    def read(self, manifest: Manifest, path: str) -> bytes:
        file = next((file for file in manifest.files if file.path == path), None)
        if file is None:
            raise ModelNotFound(f"{manifest.release.name} has no file {path}")
        content = self._content(self.storage.head(folder_of(manifest.release) + path))
        if hashlib.sha256(content).hexdigest() != file.sha256:
            message = f"{path} of {manifest.release.name} is not what its manifest says"
            raise Refused(message, service="storage", category=Category.INTERNAL)
        return content

    def reserve(self, push: Push, *, version: int | None) -> Release:
        taken = {release: Push.parse(self._json(found)) for release, found in self._named(PUSH, push.model)}
        for release, other in sorted(taken.items()):
            if other == push and version in (None, release.version):
                return release
        last = max((release.version for release in taken), default=0)
        release = Release(push.model, version or last + 1)
        try:
            self._create(release, PUSH, value=push.render())
        except ReleaseExists:
            if version is not None:
                raise
            return self.reserve(push, version=None)  # somebody was quicker
        return release

    def pushed(self, release: Release) -> Push:
        return Push.parse(self._look(release, PUSH))

    def publish(self, manifest: Manifest) -> None:
        self._create(manifest.release, MANIFEST, value=manifest.render())

    def withdraw(self, release: Release) -> None:
        folder = folder_of(release)
        self.storage.delete(folder + MANIFEST)  # first: what is half gone is no release
        for found in list(self.storage.list(folder)):
            if found.key != folder + PUSH:
                self.storage.delete(found.key)

    def _create(self, release: Release, name: str, *, value: Mapping[str, Any]) -> None:
        try:
            self.storage.put(canonical_json(value), folder_of(release) + name, content_type=JSON)
        except Refused as error:
            if error.code != EXISTS:
                raise
            raise ReleaseExists(f"there is another {release.name}, or was: a version is given once") from error

    def _look(self, release: Release, name: str) -> Mapping[str, Any]:
        try:
            return self._json(self.storage.head(folder_of(release) + name))
        except InputNotFound as error:
            raise ModelNotFound(f"there is no release {release.name}: push it first") from error

    def _named(self, name: str, model: str) -> Iterator[tuple[Release, ObjectInfo]]:
        for found in self.storage.list(f"{ROOT}{model}/" if model else ROOT):
            key = KEY.fullmatch(found.key)
            if key and key["name"] == name:
                yield Release(key["model"], int(key["version"])), found

    def _json(self, found: ObjectInfo) -> Mapping[str, Any]:
        known = self._read.get((found.key, found.etag))
        if known is None:
            known = self._read[found.key, found.etag] = json.loads(self._content(found))
        return known

    def _content(self, found: ObjectInfo) -> bytes:
        with local_copy(self.storage, found, limit_bytes=SMALL_BYTES) as (_, path):
            return path.read_bytes()
