"""The front door's parts."""

from prometheus_client import generate_latest

from orchestrator.adapters.celery_pulses import CeleryPulses, build_celery
from orchestrator.adapters.redis.connection import API, connect
from orchestrator.adapters.redis.intake import RedisIntake
from orchestrator.adapters.redis.reads import RedisReads
from orchestrator.adapters.redis.scripts import Scripts
from orchestrator.adapters.sortable_ids import new_id
from orchestrator.services.cancel import CancelTask
from orchestrator.services.offer_upload import OfferUpload
from orchestrator.services.resubmit import ResubmitTask
from orchestrator.services.submit import SubmitTask
from orchestrator.settings import Settings
from orchestrator.telemetry import build_intake_metrics
from orchestrator.wiring.api_parts import ApiParts
from orchestrator.wiring.checks import build_checks
from orchestrator.wiring.outside import broker_url, build_storage, build_upkeep


def build_api_parts(settings: Settings) -> ApiParts:
    """Connects nothing yet: a process that starts before its dependencies waits for them in `/readyz`."""
    client = connect(settings.redis.url.get_secret_value(), API)
    scripts = Scripts(client)
    intake, reads, storage = RedisIntake(scripts), RedisReads(client), build_storage(settings)
    pulses = CeleryPulses(build_celery(broker_url(settings)), broker_url(settings))
    metrics = build_intake_metrics()
    expires_s = settings.s3.url_expires.total_seconds()
    return ApiParts(
        submit=SubmitTask(intake, storage, pulses, new_id, metrics),
        cancel=CancelTask(intake),
        resubmit=ResubmitTask(intake, reads, pulses),
        offer_upload=OfferUpload(storage, build_upkeep(settings, scripts), new_id, expires_s=expires_s),
        reads=reads,
        storage=storage,
        api_keys={project: key.get_secret_value() for project, key in settings.api.keys.items()},
        checks=build_checks(settings),
        render_metrics=lambda: generate_latest(metrics.registry),
        url_expires_s=expires_s,
    )
