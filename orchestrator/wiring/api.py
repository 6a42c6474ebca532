"""The front door's parts."""

from collections.abc import Callable
from dataclasses import replace

from orchestrator.adapters.celery_pulses import CeleryPulses, build_celery
from orchestrator.adapters.redis.api_keys import RedisApiKeys
from orchestrator.adapters.redis.connection import API, connect
from orchestrator.adapters.redis.feed import RedisFeed
from orchestrator.adapters.redis.forecast import RedisForecast
from orchestrator.adapters.redis.intake import RedisIntake
from orchestrator.adapters.redis.lane_workers import RedisLaneWorkers
from orchestrator.adapters.redis.projects import RedisProjects
from orchestrator.adapters.redis.reads import RedisReads
from orchestrator.adapters.redis.scripts import Scripts
from orchestrator.adapters.redis.uploads import RedisUploadLog, RedisUploads
from orchestrator.adapters.sortable_ids import new_id
from orchestrator.adapters.zstd import Zstd
from orchestrator.domain.lane import LANE_SLOTS
from orchestrator.domain.push import PushLimits
from orchestrator.pipelines.submission import DraftTask
from orchestrator.ports.parts import PartStorage
from orchestrator.ports.storage import ObjectStorage
from orchestrator.ports.uploads import UploadLog
from orchestrator.services.journal.keep_tenants import KeepTenants, KeptApiKeys
from orchestrator.services.projects.authenticate import Authenticate
from orchestrator.services.projects.set_projects import SetProjects
from orchestrator.services.tasks.estimate import EstimateTask
from orchestrator.services.tasks.pin_input import PinInput
from orchestrator.services.tasks.read_result import ReadResult
from orchestrator.services.tasks.submit import SubmitTask
from orchestrator.services.tasks.submit_batch import SubmitBatch
from orchestrator.services.uploads.continue_upload import ContinueUpload
from orchestrator.services.uploads.offer_upload import OfferUpload
from orchestrator.settings import Settings
from orchestrator.telemetry import build_intake_metrics
from orchestrator.wiring.api_parts import ApiParts
from orchestrator.wiring.breakers import build_breakers
from orchestrator.wiring.checks import build_checks
from orchestrator.wiring.content import build_content_files
from orchestrator.wiring.fallback import build_both, build_fallback
from orchestrator.wiring.inputs import build_limits, build_reach
from orchestrator.wiring.journal import build_guard, build_intake, build_journal, build_tenants
from orchestrator.wiring.keys import build_authenticate, build_create_key, build_key_secrets
from orchestrator.wiring.limits import build_admit, build_lane_limits, build_quotas
from orchestrator.wiring.models import build_model_parts
from orchestrator.wiring.operations import build_find_models, build_operations
from orchestrator.wiring.outside import broker_url, build_parts, build_storage
from orchestrator.wiring.receipts import build_public_keys
from orchestrator.wiring.releases import ReleaseStorage
from orchestrator.wiring.webhooks import build_webhook_parts, build_webhook_reach


def build_api_parts(settings: Settings) -> ApiParts:
    """Connects nothing yet: a process that starts before its dependencies waits for them in `/readyz`.

    Raises:
        MissingPepper: the one secret without which it cannot serve is not there.
    """
    scripts = Scripts(connect(settings.redis.url.get_secret_value(), API))
    kept_ms = int(settings.api.answers_kept.total_seconds() * 1000)
    quotas, lanes, journal = build_quotas(settings), build_lane_limits(settings), build_journal(settings)
    recorded = RedisIntake(scripts, quotas=quotas, lanes=lanes, answer_kept_ms=kept_ms)
    metrics, key_secrets, tenants = build_intake_metrics(), build_key_secrets(settings), build_tenants(scripts, journal)
    intake = build_intake(scripts, recorded, journal=journal, metrics=metrics)
    keys, reads, storage = RedisApiKeys(scripts), RedisReads(scripts.client), build_storage(settings)
    forecast = RedisForecast(scripts, quotas=quotas, lanes=lanes)
    pulses = CeleryPulses(build_celery(broker_url(settings)), broker_url(settings))
    limits, log, parts = build_limits(settings), RedisUploadLog(scripts, quotas=quotas), build_parts(settings)
    open_for_s, expires_s = settings.uploads.expires.total_seconds(), settings.s3.url_expires.total_seconds()
    uploads, receivers = RedisUploads(scripts.client, expires_s=open_for_s), build_webhook_reach(settings)
    inputs = _build_pin(settings, storage, log=log)
    drafts = DraftTask(inputs.pin, forecast, new_id, receivers, build_find_models(scripts, storage).knows)
    authenticate = build_authenticate(scripts, key_secrets)
    return ApiParts(
        submit=SubmitTask(intake, drafts, pulses, metrics),
        submit_batch=SubmitBatch(intake, drafts, pulses, metrics),
        estimate=EstimateTask(replace(drafts, pin_input=inputs.look), forecast),
        operations=build_operations(scripts, intake, pulses=pulses),
        offer_upload=OfferUpload(storage, parts, log, uploads, new_id, expires_s, open_for_s, limits),
        continue_upload=ContinueUpload(storage, parts, log, uploads, expires_s),
        reads=reads,
        results=ReadResult(build_both(settings, build_breakers(settings)), Zstd()),
        forecast=forecast,
        feed=RedisFeed(settings.redis.url.get_secret_value()),
        storage=storage,
        authenticate=authenticate,
        admit=build_admit(settings, scripts),
        create_key=build_create_key(KeptApiKeys(keys, tenants) if tenants else keys, key_secrets),
        keys=KeptApiKeys(keys, tenants) if tenants else keys,
        projects=SetProjects(RedisProjects(scripts), _hearing(authenticate, tenants), bool(settings.payload.url)),
        webhooks=build_webhook_parts(settings, scripts),
        models=build_model_parts(settings, scripts, files=_build_files(settings, storage, parts=parts)),
        workers=RedisLaneWorkers(scripts, tuple(LANE_SLOTS)),
        checks=build_checks(settings),
        registry=metrics.registry,
        refusals=metrics.refusals,
        url_expires_s=expires_s,
        receipt_keys=build_public_keys(settings),
        streams=settings.api.streams,
        fallback=build_fallback(settings),
        guard=build_guard(scripts, journal),
    )


def _hearing(authenticate: Authenticate, tenants: KeepTenants | None) -> Callable[[str], None]:
    """What hears of a project that was made or changed: its callers are looked up anew, and the journal keeps it."""

    def hear(slug: str) -> None:
        authenticate.forget(slug)
        if tenants:
            tenants.keep(slug)

    return hear


def _build_pin(settings: Settings, storage: ObjectStorage, *, log: UploadLog) -> PinInput:
    files = build_content_files(settings, build_breakers(settings))
    return PinInput(storage, log, new_id, build_limits(settings), build_reach(settings), files)


def _build_files(settings: Settings, storage: ObjectStorage, *, parts: PartStorage) -> ReleaseStorage:
    limits, expires_s = PushLimits(settings.models.release_bytes), settings.s3.url_expires.total_seconds()
    return ReleaseStorage(storage, parts, expires_s, limits)
