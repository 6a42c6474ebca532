"""The doctor's parts: reads only, with the short patience of the API."""

from orchestrator.adapters.celery_pulses import CeleryPulses, build_celery
from orchestrator.adapters.redis.connection import API, connect
from orchestrator.adapters.redis.inspection import RedisInspection
from orchestrator.adapters.redis.scripts import Scripts
from orchestrator.domain.lane import LANE_SLOTS
from orchestrator.services.upkeep.diagnose import Diagnose
from orchestrator.settings import Settings
from orchestrator.wiring.keeper import build_keeper_parts, build_keeper_ports
from orchestrator.wiring.limits import build_quotas
from orchestrator.wiring.outside import broker_url, lease_ms


def build_diagnose(settings: Settings) -> Diagnose:
    scripts = Scripts(connect(settings.redis.url.get_secret_value(), API))
    keeper = build_keeper_parts(settings, build_keeper_ports(settings))  # asked for its duties' names, never run
    return Diagnose(
        inspection=RedisInspection(scripts, lease_ms(settings), build_quotas(settings)),
        pulses=CeleryPulses(build_celery(broker_url(settings)), broker_url(settings)).waiting,
        duties=tuple(duty.name for duty in keeper.duties),
        lanes=tuple(LANE_SLOTS),
        lease_s=settings.worker.lease.total_seconds(),
    )
