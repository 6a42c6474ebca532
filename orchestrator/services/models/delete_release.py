"""Delete a release that nobody uses."""

from dataclasses import dataclass

from orchestrator.domain.model import Release
from orchestrator.domain.release_errors import ReleaseInUse
from orchestrator.ports.releases import ReleaseRegister
from orchestrator.ports.residency import Residents


@dataclass(frozen=True, slots=True)
class DeleteRelease:
    """Also one whose push was never completed."""

    register: ReleaseRegister
    residency: Residents

    def delete(self, release: Release) -> None:
        """Take it out of storage. Instances remove what they have of it by themselves.

        Raises:
            ModelNotFound: it was never pushed.
            ReleaseInUse: an instance holds it, or tasks are led to it.
        """
        self.register.pushed(release)
        self._require_unused(release)
        self.register.withdraw(release)

    def _require_unused(self, release: Release) -> None:
        for instance in self.residency.instances():
            if any(resident.release == release.name for resident in instance.residents):
                raise ReleaseInUse(f"{instance.address} holds {release.name}: unload it first")
        if release.name in self.residency.routes(release.model):
            raise ReleaseInUse(f"tasks are led to {release.name}: swap to another release first")
