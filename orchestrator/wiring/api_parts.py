"""Everything the HTTP front door stands on: services, ports and a few values. `wiring/api.py` fills it in."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from orchestrator.ports.reads import TaskReads
from orchestrator.ports.storage import ObjectStorage
from orchestrator.services.cancel import CancelTask
from orchestrator.services.offer_upload import OfferUpload
from orchestrator.services.resubmit import ResubmitTask
from orchestrator.services.submit import SubmitTask


@dataclass(frozen=True, slots=True)
class ApiParts:
    """``api_keys`` maps each project to its key; a readiness check returns, or raises what is wrong."""

    submit: SubmitTask
    cancel: CancelTask
    resubmit: ResubmitTask
    offer_upload: OfferUpload
    reads: TaskReads
    storage: ObjectStorage
    api_keys: Mapping[str, str]
    checks: Mapping[str, Callable[[], None]]
    render_metrics: Callable[[], bytes]
    url_expires_s: float
