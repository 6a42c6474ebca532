"""The HTTP API over a real store of records, with its lanes' bells within earshot and a worker at hand."""

import hashlib
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path
from queue import Queue

import httpx
from fakes_content import FakeContentFiles
from fakes_parts import MemoryParts
from fakes_storage import MemoryStorage
from fastapi import FastAPI
from pydantic import SecretStr
from served_api import serve

from orchestrator.adapters.ed25519_seals import Ed25519Seal
from orchestrator.adapters.local_limits import LocalLimits
from orchestrator.adapters.redis.api_keys import RedisApiKeys
from orchestrator.adapters.redis.claims import RedisClaims
from orchestrator.adapters.redis.connection import API, connect
from orchestrator.adapters.redis.feed import RedisFeed
from orchestrator.adapters.redis.forecast import RedisForecast
from orchestrator.adapters.redis.intake import RedisIntake
from orchestrator.adapters.redis.lane_workers import RedisLaneWorkers
from orchestrator.adapters.redis.limits import RedisLimits
from orchestrator.adapters.redis.projects import RedisProjects
from orchestrator.adapters.redis.reads import RedisReads
from orchestrator.adapters.redis.scripts import Scripts
from orchestrator.adapters.redis.uploads import RedisUploadLog, RedisUploads
from orchestrator.adapters.sortable_ids import new_id
from orchestrator.adapters.system_clock import SystemClock
from orchestrator.adapters.zstd import Zstd
from orchestrator.api.app import build_app
from orchestrator.api.event_stream import OpenStreams
from orchestrator.domain.api_key import KeySecrets, NewKey, Scope, parse_key_id, render_key
from orchestrator.domain.lane import LANE_SLOTS
from orchestrator.domain.task import Artifact, Run
from orchestrator.domain.upload import UPLOAD_SIZES, UploadSizes
from orchestrator.pipelines.submission import DraftTask
from orchestrator.ports.claims import Commit
from orchestrator.ports.parts import PartStorage
from orchestrator.ports.storage import ObjectStorage
from orchestrator.services.projects.admit import AdmitRequests, Rates
from orchestrator.services.projects.set_projects import SetProjects
from orchestrator.services.tasks.estimate import EstimateTask
from orchestrator.services.tasks.pin_input import PinInput
from orchestrator.services.tasks.read_result import ReadResult
from orchestrator.services.tasks.submit import SubmitTask
from orchestrator.services.tasks.submit_batch import SubmitBatch
from orchestrator.services.uploads.continue_upload import ContinueUpload
from orchestrator.services.uploads.offer_upload import OfferUpload
from orchestrator.settings import ApiSettings, Settings, WebhookSettings
from orchestrator.telemetry import build_intake_metrics
from orchestrator.wiring.api_parts import ApiParts
from orchestrator.wiring.keys import build_authenticate, build_create_key
from orchestrator.wiring.models import build_model_parts
from orchestrator.wiring.operations import build_operations
from orchestrator.wiring.releases import ReleaseStorage
from orchestrator.wiring.webhooks import build_webhook_parts, build_webhook_reach

SECRETS = KeySecrets(b"pepper of the tests", admin_key="key-of-the-admin", admin_project="studio")
SEAL = Ed25519Seal("1f" * 32)
ALL_OF_A_TENANT = frozenset({Scope.TASKS_READ, Scope.TASKS_WRITE})
SETTINGS = Settings(
    api=ApiSettings(key_pepper=SecretStr("pepper of the tests' webhooks")),
    webhooks=WebhookSettings(allow_http=True, private_networks=(ip_network("127.0.0.2/32"),), max_endpoints=3),
)
# What clients of two projects send; a door opens to them.
NO_RATES = Rates()
KEYS = {slug: render_key(f"key_{digit * 26}", digit * 48) for slug, digit in (("film-a", "a"), ("film-b", "b"))}


@dataclass
class Bells:
    """Hears which lanes are rung."""

    rung: list[str] = field(default_factory=list)
    pulses: Queue[str] = field(default_factory=Queue)

    def ring(self, lane: str) -> None:
        self.rung.append(lane)
        self.pulses.put(lane)


@dataclass(frozen=True)
class Worker:
    """Runs tasks by hand, as a worker would commit them."""

    claims: RedisClaims
    storage: ObjectStorage

    def claim(self, lane: str) -> Run:
        return self.claims.claim(lane, "worker-1", run_ids=[uuid.uuid4().hex]).runs[0]

    def finish(self, run: Run, files: Mapping[str, bytes], *, scratch: Path) -> None:
        """Store the files under the run's prefix and commit success."""
        outputs = tuple(self._store(run, scratch / name, content=content) for name, content in files.items())
        self.claims.finish(run, Commit(outputs, {"files": len(files)}, {"inferences": 1}, actual_s=0.1))

    def _store(self, run: Run, path: Path, *, content: bytes) -> Artifact:
        path.write_bytes(content)
        stored = self.storage.store(path, run.prefix + path.name, content_type="text/plain")
        sha256 = hashlib.sha256(content).hexdigest()
        return Artifact(path.name, stored.key, "text/plain", stored.size_bytes, sha256)


@dataclass(frozen=True)
class FrontDoor:
    """Where the API is, the bells, the worker, who makes keys, and the files of the CMS."""

    url: str
    bells: Bells
    worker: Worker
    keys: RedisApiKeys
    streams: OpenStreams
    content: FakeContentFiles
    app: FastAPI

    def next_run(self) -> Run:
        """Wait for a bell and claim what it was rung for."""
        return self.worker.claim(self.bells.pulses.get(timeout=10))

    def caller(self, project: str = "film-a") -> httpx.Client:
        return self.caller_with(KEYS[project])

    @property
    def admin(self) -> httpx.Client:
        return self.caller_with(SECRETS.admin_key)

    def caller_with(self, key: str) -> httpx.Client:
        """Patient: on a busy machine an answer may take longer than the five seconds of httpx."""
        return httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {key}"}, timeout=60.0)

    def make_key(self, project: str, *scopes: Scope) -> str:
        """The text of a new key."""
        text = render_key(new_id("key"), uuid.uuid4().hex + "0" * 16)
        add_key(self.keys, text, project=project, scopes=frozenset(scopes))
        return text


@contextmanager
def front_door(
    redis_url: str,
    storage: ObjectStorage,
    *,
    part_storage: PartStorage | None = None,
    rates: Rates = NO_RATES,
    sizes: UploadSizes = UPLOAD_SIZES,
    streams: int = 1000,
) -> Iterator[FrontDoor]:
    """The API, served, until the context ends."""
    part_storage = part_storage or MemoryParts(MemoryStorage())
    scripts = Scripts(client := connect(redis_url, API))
    intake, reads, keys, bells = RedisIntake(scripts), RedisReads(client), keys_of_tenants(scripts), Bells()
    forecast, metrics = RedisForecast(scripts), build_intake_metrics()
    log, uploads = RedisUploadLog(scripts), RedisUploads(client, expires_s=3600)
    authenticate = build_authenticate(scripts, SECRETS)
    inputs = PinInput(storage, log, new_id, content=(content := FakeContentFiles()))
    drafts = DraftTask(inputs.pin, forecast, new_id, build_webhook_reach(SETTINGS))
    parts = ApiParts(
        submit=SubmitTask(intake, drafts, bells, metrics),
        submit_batch=SubmitBatch(intake, drafts, bells, metrics),
        estimate=EstimateTask(DraftTask(inputs.look, forecast, new_id, build_webhook_reach(SETTINGS)), forecast),
        operations=build_operations(scripts, intake, pulses=bells),
        offer_upload=OfferUpload(storage, part_storage, log, uploads, new_id, 60, 3600, sizes=sizes),
        continue_upload=ContinueUpload(storage, part_storage, log, uploads, url_expires_s=60),
        reads=reads,
        results=ReadResult(storage, Zstd()),
        forecast=forecast,
        feed=RedisFeed(redis_url),
        storage=storage,
        authenticate=authenticate,
        admit=AdmitRequests(RedisLimits(scripts), LocalLimits(SystemClock()), rates, SystemClock()),
        create_key=build_create_key(keys, SECRETS),
        keys=keys,
        projects=SetProjects(RedisProjects(scripts), authenticate.forget, has_content=True),
        webhooks=build_webhook_parts(SETTINGS, scripts),
        models=build_model_parts(SETTINGS, scripts, files=ReleaseStorage(storage, part_storage, 60, sizes=sizes)),
        workers=RedisLaneWorkers(scripts, tuple(LANE_SLOTS)),
        checks={"redis": lambda: _ping(reads), "storage": storage.check},
        registry=metrics.registry,
        refusals=metrics.refusals,
        url_expires_s=60,
        receipt_keys=(SEAL.public_key,),
        streams=streams,
    )
    app = build_app(parts)
    with serve(app) as url:
        worker = Worker(RedisClaims(scripts, lease_ms=30_000), storage)
        yield FrontDoor(url, bells, worker, keys, app.state.streams, content, app)
    client.close()


def keys_of_tenants(scripts: Scripts) -> RedisApiKeys:
    keys = RedisApiKeys(scripts)
    for project, text in KEYS.items():
        add_key(keys, text, project=project, scopes=ALL_OF_A_TENANT)
    return keys


def add_key(keys: RedisApiKeys, text: str, *, project: str, scopes: frozenset[Scope]) -> None:
    key_id = parse_key_id(text)
    assert key_id
    mac = SECRETS.sign(text)
    keys.create(NewKey(key_id, project, key_id, scopes=scopes, mac=mac, expires_in_s=None))


def _ping(reads: RedisReads) -> None:
    reads.attempts("task_0")
