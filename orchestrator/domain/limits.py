"""What may be used at once: quotas of a project, and how much may wait in a lane. None is no limit."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Quotas:
    """Of a project that names none of its own. A task over ``max_queued`` or ``max_bytes`` is refused; one over
    ``max_running`` or ``gpu_s_per_hour`` waits in the queue.
    """

    max_running: int | None = None
    max_queued: int | None = None
    gpu_s_per_hour: float | None = None
    max_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class LaneLimits:
    """How long a lane may become, in tasks and in predicted seconds of waiting, and whether it must have a worker."""

    tasks: int | None = None
    wait_s: float | None = None
    need_worker: bool = False


UNLIMITED = Quotas()
ENDLESS = LaneLimits()
