"""PayloadCMS 3 over its REST API."""

from orchestrator.adapters.payload_cms.documents import PayloadCms
from orchestrator.adapters.payload_cms.mapping import Mapped, PayloadAddress

__all__ = ["Mapped", "PayloadAddress", "PayloadCms"]
