"""Releases in object storage, the truth that all nodes share. What was pushed never changes; an instance fetches it."""

from collections.abc import Mapping
from typing import Protocol

from orchestrator.domain.manifest import Manifest
from orchestrator.domain.model import Release


class Releases(Protocol):
    """Every call may raise `Unavailable` when the storage is away."""

    def find(self, release: Release) -> Manifest:
        """The manifest of a pushed release.

        Raises:
            ModelNotFound: it was never pushed whole, or is deleted.
        """
        ...

    def list(self, model: str = "") -> tuple[Manifest, ...]:
        """Every pushed release of the model, or of all models, by name and version."""
        ...

    def links(self, manifest: Manifest) -> Mapping[str, str]:
        """A presigned URL for each file, by path, for a warden to fetch."""
        ...

    def read(self, manifest: Manifest, path: str) -> bytes:
        """A small file of the release (a golden sample, labels), proven by its SHA-256."""
        ...
