"""The Python client of the HTTP API (`docs/client.md`). Needs httpx and nothing else of this package."""

from orchestrator.client import errors
from orchestrator.client.api_error import ApiError
from orchestrator.client.client import Client
from orchestrator.client.errors import UploadInterrupted
from orchestrator.client.estimates import Estimate
from orchestrator.client.events import Event
from orchestrator.client.keys import ApiKey, NewApiKey
from orchestrator.client.many import Changed, Filter
from orchestrator.client.options import Options, Submission
from orchestrator.client.pauses import Pause
from orchestrator.client.projects import Project
from orchestrator.client.results import Attempt, LogLine, Output, Progress, Queue, Task, TaskError, TaskType

__all__ = [
    "ApiError",
    "ApiKey",
    "Attempt",
    "Changed",
    "Client",
    "Estimate",
    "Event",
    "Filter",
    "LogLine",
    "NewApiKey",
    "Options",
    "Output",
    "Pause",
    "Progress",
    "Project",
    "Queue",
    "Submission",
    "Task",
    "TaskError",
    "TaskType",
    "UploadInterrupted",
    "errors",
]
