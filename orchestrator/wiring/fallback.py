"""The second store, where one is configured, and the duty that empties it."""

from orchestrator.adapters.redis.displaced import RedisDisplaced
from orchestrator.adapters.redis.scripts import Scripts
from orchestrator.adapters.s3_storage import KeyFile, S3Address, S3Storage
from orchestrator.adapters.zstd import Zstd
from orchestrator.ports.breakers import Breakers
from orchestrator.ports.storage import ObjectStorage
from orchestrator.services.upkeep.move_back import MoveBack
from orchestrator.settings import Settings
from orchestrator.wiring.fallback_storage import FallbackStorage
from orchestrator.wiring.guarded_storage import GuardedStorage
from orchestrator.wiring.outside import build_storage


def build_fallback(settings: Settings) -> S3Storage | None:
    second = settings.fallback
    if not second.endpoint:
        return None
    address = S3Address(
        second.endpoint,
        second.bucket,
        second.access_key_id,
        second.secret_access_key.get_secret_value(),
        region=second.region,
        public_endpoint=second.public_endpoint,
        key_file=KeyFile(second.credentials_file) if second.credentials_file else None,
    )
    return S3Storage(address, cache_control=settings.s3.cache_control)


def build_both(settings: Settings, breakers: Breakers | None = None) -> ObjectStorage:
    """For who removes what tasks have made, wherever it is. Who reads it asks the breaker of the first one: while that
    is open, the second one is asked.
    """
    storage: ObjectStorage = build_storage(settings)
    if breakers:
        storage = GuardedStorage(storage, breakers)
    fallback = build_fallback(settings)
    return FallbackStorage(storage, fallback) if fallback else storage


def build_move_back(settings: Settings, scripts: Scripts, *, breakers: Breakers) -> MoveBack | None:
    fallback = build_fallback(settings)
    if fallback is None:
        return None
    return MoveBack(
        RedisDisplaced(scripts),
        build_storage(settings),
        fallback,
        breakers,
        Zstd(),
        settings.worker.scratch_dir / "moves",
        settings.s3.url_expires.total_seconds(),
    )
