"""Why we say "later": each with a code that clients read, and with the time after which to come again."""

from orchestrator.domain.errors import Overloaded


class RateLimited(Overloaded):
    """Too many requests in a short time."""

    code = "rate_limited"


class QuotaExceeded(Overloaded):
    """The project has as much as it may have."""

    code = "quota_exceeded"


class QueueFull(Overloaded):
    """The queue is longer than this node accepts."""

    code = "queue_full"


class ReadOnly(Overloaded):
    """The records of this node are being made anew: it can be looked at, and nothing can be changed."""

    code = "read_only"

    def __init__(self, message: str = "", *, retry_after_s: float = 10.0) -> None:
        super().__init__(message, retry_after_s=retry_after_s)


class NotReady(Overloaded):
    """Nobody is there to do this kind of work."""

    code = "not_ready"
