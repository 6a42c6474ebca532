"""The Python client of the HTTP API (`docs/http.md`). Needs httpx and nothing else of this package."""

from orchestrator.client.client import OrchestratorClient
from orchestrator.client.errors import ApiError, UploadInterrupted
from orchestrator.client.keys import ApiKey, NewApiKey
from orchestrator.client.projects import Project
from orchestrator.client.results import Attempt, Output, Progress, Queue, Task, TaskError, TaskType

__all__ = [
    "ApiError",
    "ApiKey",
    "Attempt",
    "NewApiKey",
    "OrchestratorClient",
    "Output",
    "Progress",
    "Project",
    "Queue",
    "Task",
    "TaskError",
    "TaskType",
    "UploadInterrupted",
]
