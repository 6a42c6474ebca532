"""Sync a release: one instance gets its files from object storage, and opens them, before it is loaded (ADR 0047)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog

from orchestrator.domain.errors import Category, Refused
from orchestrator.domain.manifest import Manifest, TensorSpec
from orchestrator.domain.model import Release, ResidentState
from orchestrator.domain.model_config import compare
from orchestrator.ports.releases import Releases
from orchestrator.ports.residency import Residents
from orchestrator.ports.warden import Warden

log = structlog.get_logger()

BROKEN = "release_broken"


@dataclass(frozen=True, slots=True)
class SyncRelease:
    """Of the instance at ``address``, through its warden. The etag of the manifest says whether it has the files.

    What this process has seen open once is not opened again.
    """

    address: str
    releases: Releases
    warden: Warden
    residency: Residents
    _opened: set[tuple[str, str]] = field(default_factory=set)

    def bring(self, release: Release) -> None:
        """Have it there, proven and opened.

        Raises:
            ModelNotFound: it was never pushed, or is deleted.
            Refused: the warden does not take it, or it is not what its manifest says.
            Unavailable: try again.
        """
        self.fetch(self.releases.find(release))
        flaws = self.problems(release.name)
        if flaws:
            message = f"{release.name} cannot be served: {'; '.join(flaws)}"
            raise Refused(message, service="triton", category=Category.INVALID_INPUT, code=BROKEN)

    def fetch(self, manifest: Manifest) -> None:
        """Have its files there.

        Raises:
            Refused, Unavailable: as `bring`.
        """
        name = manifest.release.name
        if self.warden.releases().get(name) != manifest.etag:
            log.info("release.fetching", release=name, instance=self.address, etag=manifest.etag)
            self.warden.fetch(name, manifest=manifest.render(), urls=self.releases.links(manifest))

    def problems(self, name: str) -> Sequence[str]:
        """What is wrong with a release that is there; nothing with most.

        Raises:
            ModelNotFound, Refused, Unavailable: as `bring`.
        """
        manifest = self.releases.find(Release.parse(name))
        if (name, manifest.etag) in self._opened:
            return ()
        found = self.warden.check(name)
        flaws = list(found["problems"]) or _differences(manifest, found)
        if not flaws:
            self._opened.add((name, manifest.etag))
        return flaws

    def tick(self) -> None:
        """Remove what is deleted, once it is not resident any more: a duty."""
        there = self.warden.releases()
        if not there:
            return
        kept = {manifest.release.name for manifest in self.releases.list()} | self._held()
        for name in sorted(there.keys() - kept):
            self.warden.remove(name)
            log.info("release.removed", release=name, instance=self.address)

    def _held(self) -> set[str]:
        instances = (instance for instance in self.residency.instances() if instance.address == self.address)
        residents = (resident for instance in instances for resident in instance.residents)
        return {resident.release for resident in residents if resident.state is not ResidentState.UNLOADED}


def _differences(manifest: Manifest, found: Mapping[str, Any]) -> list[str]:
    if found.get("unopened"):  # nobody could look: Triton is the first to open it
        return []
    inputs, outputs = (tuple(map(_tensor, found[kind])) for kind in ("inputs", "outputs"))
    return [flaw.message for flaw in compare(manifest, inputs=inputs, outputs=outputs)]


def _tensor(found: Mapping[str, Any]) -> TensorSpec:
    return TensorSpec(found["name"], found["datatype"], tuple(found["dims"]))
