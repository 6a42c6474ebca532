"""Adapters that more than one kind of process needs, built from the settings."""

from orchestrator.adapters.redis.scripts import Scripts
from orchestrator.adapters.redis.upkeep import RedisUpkeep
from orchestrator.adapters.s3_storage import KeyFile, S3Address, S3Parts, S3Storage
from orchestrator.settings import Settings
from orchestrator.telemetry import SharedSamples


def broker_url(settings: Settings) -> str:
    """Celery's broker: a server of its own, or the one that keeps the records."""
    return (settings.redis.broker_url or settings.redis.url).get_secret_value()


def lease_ms(settings: Settings) -> int:
    return int(settings.worker.lease.total_seconds() * 1000)


def build_storage(settings: Settings) -> S3Storage:
    return S3Storage(build_address(settings), cache_control=settings.s3.cache_control)


def build_parts(settings: Settings) -> S3Parts:
    return S3Parts(build_address(settings))


def build_upkeep(settings: Settings, scripts: Scripts) -> RedisUpkeep:
    retention_ms = int(settings.keeper.retention.total_seconds() * 1000)
    return RedisUpkeep(scripts, lease_ms(settings), retention_ms)


def build_samples(settings: Settings, name: str) -> SharedSamples | None:
    """Where one process of a worker keeps its metrics, if they are to be kept."""
    folder = settings.worker.metrics_dir
    return SharedSamples(folder, name) if folder else None


def build_address(settings: Settings) -> S3Address:
    s3 = settings.s3
    return S3Address(
        s3.endpoint,
        s3.bucket,
        s3.access_key_id,
        s3.secret_access_key.get_secret_value(),
        region=s3.region,
        public_endpoint=s3.public_endpoint,
        key_file=KeyFile(s3.credentials_file) if s3.credentials_file else None,
    )
