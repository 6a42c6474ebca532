"""Everything the HTTP front door stands on: services, ports and a few values. `wiring/api.py` fills it in."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter

from orchestrator.ports.api_keys import ApiKeys
from orchestrator.ports.feed import EventFeed
from orchestrator.ports.forecast import Forecast
from orchestrator.ports.lane_workers import LaneWorkers
from orchestrator.ports.projects import Projects
from orchestrator.ports.reads import TaskReads
from orchestrator.ports.seal import PublicKey
from orchestrator.ports.storage import ObjectStorage
from orchestrator.services.journal.guard_writes import GuardWrites
from orchestrator.services.projects.admit import AdmitRequests
from orchestrator.services.projects.authenticate import Authenticate
from orchestrator.services.projects.create_key import CreateKey
from orchestrator.services.tasks.estimate import EstimateTask
from orchestrator.services.tasks.read_result import ReadResult
from orchestrator.services.tasks.submit import SubmitTask
from orchestrator.services.tasks.submit_batch import SubmitBatch
from orchestrator.services.uploads.continue_upload import ContinueUpload
from orchestrator.services.uploads.offer_upload import OfferUpload
from orchestrator.wiring.models import ModelParts
from orchestrator.wiring.operations import Operations
from orchestrator.wiring.webhooks import WebhookParts


@dataclass(frozen=True, slots=True)
class ApiParts:
    """A readiness check returns, or raises what is wrong."""

    submit: SubmitTask
    submit_batch: SubmitBatch
    estimate: EstimateTask
    operations: Operations
    offer_upload: OfferUpload
    continue_upload: ContinueUpload
    reads: TaskReads
    results: ReadResult
    forecast: Forecast
    feed: EventFeed
    storage: ObjectStorage
    authenticate: Authenticate
    admit: AdmitRequests
    create_key: CreateKey
    keys: ApiKeys
    projects: Projects
    webhooks: WebhookParts
    models: ModelParts
    workers: LaneWorkers
    checks: Mapping[str, Callable[[], None]]
    registry: CollectorRegistry
    refusals: Counter
    url_expires_s: float
    receipt_keys: tuple[PublicKey, ...] = ()
    streams: int = 1000
    fallback: ObjectStorage | None = None
    guard: GuardWrites | None = None
