"""The Python client of the HTTP API (`docs/http.md`). Needs httpx and nothing else of this package."""

from orchestrator.client.client import OrchestratorClient
from orchestrator.client.errors import ApiError
from orchestrator.client.results import Attempt, Output, Progress, Queue, Task, TaskError, TaskType

__all__ = [
    "ApiError",
    "Attempt",
    "OrchestratorClient",
    "Output",
    "Progress",
    "Queue",
    "Task",
    "TaskError",
    "TaskType",
]
