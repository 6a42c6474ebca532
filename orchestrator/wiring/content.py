"""PayloadCMS, for the processes that tell it something or fetch from it; None where there is none."""

from collections.abc import Callable, Mapping

from orchestrator.adapters.linux_processes import LinuxProcesses
from orchestrator.adapters.payload_cms import PayloadAddress, PayloadApi, PayloadCms, PayloadFiles
from orchestrator.adapters.redis.connection import WORKER, connect
from orchestrator.adapters.redis.projects import RedisProjects
from orchestrator.adapters.redis.scripts import Scripts
from orchestrator.ports.breakers import Breakers
from orchestrator.ports.content import ContentFiles
from orchestrator.ports.destinations import Sender
from orchestrator.services.deliveries.register_outputs import RegisterOutputs
from orchestrator.services.deliveries.tell_content import TellContent
from orchestrator.services.workers.sweep_scratch import SweepScratch
from orchestrator.settings import Settings
from orchestrator.wiring.breakers import build_breakers
from orchestrator.wiring.fallback import build_both
from orchestrator.wiring.guarded_files import GuardedFiles
from orchestrator.wiring.inputs import build_fetcher


def build_content_files(settings: Settings, breakers: Breakers) -> ContentFiles | None:
    api = build_payload(settings)
    return GuardedFiles(PayloadFiles(api, build_fetcher(settings)), breakers) if api else None


def build_content_checks(settings: Settings) -> Mapping[str, Callable[[], None]]:
    """For people who ask; a CMS that is away is no reason to send requests elsewhere."""
    api = build_payload(settings)
    return {"payload": api.check} if api else {}


def build_tell_content(settings: Settings) -> Sender | None:
    """The sender of deliveries to `payload`."""
    api = build_payload(settings)
    if api is None:
        return None
    content = PayloadCms(api)
    projects = RedisProjects(Scripts(connect(settings.redis.url.get_secret_value(), WORKER)))
    scratch_dir = SweepScratch(settings.worker.scratch_dir, LinuxProcesses()).make_own()
    storage = build_both(settings, build_breakers(settings))
    register = RegisterOutputs(content, storage, scratch_dir, settings.payload.file_bytes)
    return TellContent(content, projects, register.register)


def build_payload(settings: Settings) -> PayloadApi | None:
    """It connects when it is first asked something."""
    payload = settings.payload
    if not payload.url:
        return None
    key = payload.api_key.get_secret_value()
    address = PayloadAddress(payload.url, key, api_path=payload.api_path, key_collection=payload.key_collection)
    return PayloadApi(address, timeout_s=payload.timeout.total_seconds())
