"""What changes tasks after their submit, one or many, and holds them up: the same for the front door and for tests."""

from dataclasses import dataclass

from orchestrator.adapters.redis.breakers import RedisBreakers
from orchestrator.adapters.redis.deliveries import RedisDeliveries
from orchestrator.adapters.redis.pauses import RedisPauses
from orchestrator.adapters.redis.projects import RedisProjects
from orchestrator.adapters.redis.reads import RedisReads
from orchestrator.adapters.redis.residency import RedisResidency
from orchestrator.adapters.redis.scripts import Scripts
from orchestrator.adapters.system_clock import SystemClock
from orchestrator.ports.breakers import Breakers
from orchestrator.ports.deliveries import DeliveryLog
from orchestrator.ports.intake import Intake
from orchestrator.ports.pauses import Pauses
from orchestrator.ports.pulses import PulseSender
from orchestrator.ports.storage import ObjectStorage
from orchestrator.services.deliveries.redeliver import Redeliver
from orchestrator.services.models.find_models import FindModels
from orchestrator.services.models.stored_releases import StoredReleases
from orchestrator.services.tasks.cancel import CancelTask
from orchestrator.services.tasks.change import ChangeTask
from orchestrator.services.tasks.change_many import ChangeMany
from orchestrator.services.tasks.delete import DeleteTask
from orchestrator.services.tasks.pause import PauseWork
from orchestrator.services.tasks.resubmit import ResubmitTask
from orchestrator.services.tasks.resume import ResumeWork


@dataclass(frozen=True, slots=True)
class Operations:
    """What can be done to a task that there is, and to what it needs."""

    cancel: CancelTask
    change: ChangeTask
    delete: DeleteTask
    resubmit: ResubmitTask
    many: ChangeMany
    pauses: Pauses
    pause: PauseWork
    resume: ResumeWork
    breakers: Breakers
    deliveries: DeliveryLog
    redeliver: Redeliver


def build_find_models(scripts: Scripts, storage: ObjectStorage | None = None) -> FindModels:
    releases = StoredReleases(storage, url_expires_s=0.0) if storage else None  # links are for who fetches
    residency = RedisResidency(scripts)
    return FindModels(residency.instances, SystemClock(), releases, residency.routes)


def build_operations(scripts: Scripts, intake: Intake, *, pulses: PulseSender) -> Operations:
    reads, pauses, deliveries = RedisReads(scripts.client), RedisPauses(scripts), RedisDeliveries(scripts)
    return Operations(
        cancel=CancelTask(intake),
        change=ChangeTask(intake),
        delete=DeleteTask(intake),
        resubmit=ResubmitTask(intake, reads, pulses),
        many=ChangeMany(intake, reads, pulses),
        pauses=pauses,
        pause=PauseWork(pauses, RedisProjects(scripts), build_find_models(scripts).knows),
        resume=ResumeWork(pauses, pulses),
        breakers=RedisBreakers(scripts, SystemClock()),
        deliveries=deliveries,
        redeliver=Redeliver(deliveries, pulses),
    )
