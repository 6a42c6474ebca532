"""What stands beside each instance of Triton, by its address: its counters, its warden, and what that brings there."""

from collections.abc import Iterator

from orchestrator.adapters.redis.residency import RedisResidency
from orchestrator.adapters.redis.scripts import Scripts
from orchestrator.adapters.triton.figures import TritonFigures
from orchestrator.adapters.triton_warden import TritonWarden
from orchestrator.services.models.stored_releases import StoredReleases
from orchestrator.services.models.sync_release import SyncRelease
from orchestrator.settings import Settings, TritonSettings
from orchestrator.wiring.outside import build_storage


def build_figures(settings: Settings) -> dict[str, TritonFigures]:
    """The counters of each."""
    return {address: TritonFigures(url) for address, url in by_instance(settings.triton, settings.triton.metrics_url)}


def build_wardens(settings: Settings) -> dict[str, TritonWarden]:
    """Those that have none are not there."""
    triton, key = settings.triton, settings.triton.control_key.get_secret_value()
    return {address: TritonWarden(url, control_key=key) for address, url in by_instance(triton, triton.warden_url)}


def build_stored_releases(settings: Settings) -> StoredReleases:
    return StoredReleases(build_storage(settings), settings.s3.url_expires.total_seconds())


def build_syncs(settings: Settings, scripts: Scripts) -> dict[str, SyncRelease]:
    """Of those that have a warden; the others have their files from elsewhere."""
    releases, residency = build_stored_releases(settings), RedisResidency(scripts)
    wardens = build_wardens(settings)
    return {address: SyncRelease(address, releases, warden, residency) for address, warden in wardens.items()}


def by_instance(triton: TritonSettings, urls: str) -> Iterator[tuple[str, str]]:
    """The instances and their URLs, where a list is as long."""
    named = zip(triton.instances, urls.split(","), strict=False)
    return ((address, url.strip()) for address, url in named if url.strip())
