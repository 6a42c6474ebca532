"""PayloadCMS 3 over its REST API."""

from orchestrator.adapters.payload_cms.api import PayloadAddress, PayloadApi
from orchestrator.adapters.payload_cms.documents import PayloadCms
from orchestrator.adapters.payload_cms.files import PayloadFiles

__all__ = ["PayloadAddress", "PayloadApi", "PayloadCms", "PayloadFiles"]
