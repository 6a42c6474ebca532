"""Releases of models in object storage, for whoever pushes, serves or deletes them."""

from dataclasses import dataclass

from orchestrator.adapters.model_files import FileHeaders, TextConfigs
from orchestrator.domain.push import PUSH_LIMITS, PushLimits
from orchestrator.domain.upload import UPLOAD_SIZES, UploadSizes
from orchestrator.ports.parts import PartStorage
from orchestrator.ports.releases import Releases
from orchestrator.ports.residency import Residency
from orchestrator.ports.storage import ObjectStorage
from orchestrator.services.models.delete_release import DeleteRelease
from orchestrator.services.models.list_folder import ListFolder
from orchestrator.services.models.prove_release import ProveRelease
from orchestrator.services.models.push_release import PushRelease
from orchestrator.services.models.stored_releases import StoredReleases


@dataclass(frozen=True, slots=True)
class ReleaseParts:
    """What the routes of releases stand on."""

    releases: Releases
    folder: ListFolder
    push: PushRelease
    prove: ProveRelease
    delete: DeleteRelease


@dataclass(frozen=True, slots=True)
class ReleaseStorage:
    """Where releases lie, and how files come there."""

    storage: ObjectStorage
    parts: PartStorage
    url_expires_s: float
    limits: PushLimits = PUSH_LIMITS
    sizes: UploadSizes = UPLOAD_SIZES


def build_releases(files: ReleaseStorage, residency: Residency) -> ReleaseParts:
    storage, expires_s = files.storage, files.url_expires_s
    stored, configs = StoredReleases(storage, expires_s), TextConfigs()
    return ReleaseParts(
        releases=stored,
        folder=ListFolder(storage),
        push=PushRelease(
            stored, stored, storage, files.parts, configs, expires_s, limits=files.limits, sizes=files.sizes
        ),
        prove=ProveRelease(stored, storage, configs, FileHeaders()),
        delete=DeleteRelease(stored, residency),
    )
