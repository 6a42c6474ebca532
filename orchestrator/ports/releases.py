"""Releases in object storage, the truth that all nodes share. What was pushed never changes; an instance fetches it."""

from collections.abc import Mapping
from typing import Protocol

from orchestrator.domain.manifest import Manifest
from orchestrator.domain.model import Release
from orchestrator.domain.push import Push


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


class ReleaseRegister(Protocol):
    """How a release comes to be and goes. Every call may raise `Unavailable` when the storage is away."""

    def reserve(self, push: Push, *, version: int | None) -> Release:
        """Give the push a version: ``version``, or the next one that nobody has had.

        A push that is equal to an earlier one, of this version if one is given, has its version again.

        Raises:
            ReleaseExists: another push has ``version``, or had it before it was withdrawn.
        """
        ...

    def pushed(self, release: Release) -> Push:
        """What was reserved under this version.

        Raises:
            ModelNotFound: nothing was.
        """
        ...

    def publish(self, manifest: Manifest) -> None:
        """Make the release one that `Releases` knows. Harmless when it is one already.

        Raises:
            ReleaseExists: it is one already, with another manifest.
        """
        ...

    def withdraw(self, release: Release) -> None:
        """Take it away with its files. Its version stays taken; an equal push has it again."""
        ...
