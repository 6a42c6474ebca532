"""The content system, for the processes that tell it something or fetch from it."""

from pathlib import Path

from orchestrator.adapters.payload_cms import PayloadAddress, PayloadApi, PayloadCms
from orchestrator.ports.destinations import Sender
from orchestrator.ports.projects import Projects
from orchestrator.ports.storage import ObjectStorage
from orchestrator.services.register_outputs import RegisterOutputs
from orchestrator.services.tell_content import TellContent
from orchestrator.settings import Settings


def build_payload(settings: Settings) -> PayloadApi:
    """It connects when it is first asked something, so a child may make one before that."""
    payload = settings.payload
    address = PayloadAddress(
        payload.url,
        payload.api_key.get_secret_value(),
        api_path=payload.api_path,
        key_collection=payload.key_collection,
    )
    return PayloadApi(address, timeout_s=payload.timeout.total_seconds())


def build_tell_content(settings: Settings, *, projects: Projects, storage: ObjectStorage, scratch_dir: Path) -> Sender:
    """The sender for `payload`. Where no CMS is configured, every delivery is refused."""
    content = PayloadCms(build_payload(settings))
    register = RegisterOutputs(content, storage, scratch_dir, settings.payload.file_bytes)
    return TellContent(content, projects, register.register)
