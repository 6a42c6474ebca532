"""The samples of releases, as swaps and the owners of instances send them."""

from collections.abc import Callable

from orchestrator.adapters.pillow_images import PillowImages
from orchestrator.adapters.system_clock import SystemClock
from orchestrator.adapters.triton.servers import TritonServers
from orchestrator.domain.model import Placement, Release
from orchestrator.pipelines.golden_gate import GoldenGate
from orchestrator.ports.releases import Releases
from orchestrator.settings import Settings
from orchestrator.wiring.inputs import build_limits


def build_gate(settings: Settings, releases: Releases) -> GoldenGate:
    triton = settings.triton
    timeout_s = triton.infer_timeout.total_seconds()
    servers = TritonServers(triton.instances, control_key=triton.control_key.get_secret_value(), deadline_s=timeout_s)
    return GoldenGate(releases, PillowImages(build_limits(settings)), servers, SystemClock(), timeout_s)


def build_warm_up(gate: GoldenGate, instance: str) -> Callable[[Release], None]:
    """Sends a release that is loaded on the instance its own samples."""

    def warm_up(release: Release) -> None:
        manifest = gate.releases.find(release)
        gate.warm_up(gate.subject(manifest, Placement(release.name, instance)))

    return warm_up
