"""Clients for Redis, one profile per use, and the table from redis-py's exceptions to ours.

redis-py's own defaults repeat a command ten times and hang for 58 s on a frozen server (stack facts, head of page).
"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

import structlog
from redis import exceptions as foreign
from redis.asyncio import BlockingConnectionPool
from redis.asyncio import Redis as AsyncioRedis
from redis.asyncio.retry import Retry as AsyncioRetry
from redis.backoff import ExponentialBackoff, NoBackoff
from redis.retry import Retry

from orchestrator.adapters.redis.client import AsyncRedis, RedisClient
from orchestrator.adapters.redis.fuse import FusedRedis, StillSilent
from orchestrator.adapters.redis.quick import QuickRedis
from orchestrator.domain.errors import Category, OrchestratorError, OutcomeUnknown, Overloaded, Refused, Unavailable

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Profile:
    """How long a command may take, and how often it is repeated after a lost connection."""

    connect_s: float
    read_s: float
    retries: int

    @property
    def patience_s(self) -> float:
        """The longest that a command can take, on a server that accepts connections and never answers."""
        return (self.retries + 1) * (self.connect_s + self.read_s) + self.retries * PAUSE_CAP_S


PAUSE_CAP_S = 0.5
# A client waits for no answer of ours longer than 3 s; a worker's call ends, one way or the other, within its lease.
API = Profile(connect_s=1, read_s=2, retries=0)
WORKER = Profile(connect_s=2, read_s=5, retries=3)


def connect(url: str, profile: Profile) -> RedisClient:
    """A client with its own pool. Make it after the fork; it connects at its first command.

    redis-py's health check of idle connections stays off: it repeats itself inside the repeated connect, so that a
    new connection to a frozen server took a worker 84 s. Without it, 21 s.
    """
    backoff = ExponentialBackoff(cap=PAUSE_CAP_S, base=0.05) if profile.retries else NoBackoff()
    kind = QuickRedis if profile.retries else FusedRedis
    client = kind.from_url(
        url,
        decode_responses=True,
        socket_connect_timeout=profile.connect_s,
        socket_timeout=profile.read_s,
        socket_keepalive=True,
        retry=Retry(backoff, profile.retries),
    )
    return cast("RedisClient", client)


# A follower's peer may be gone without a word: the kernel finds out within half a minute.
KEEPALIVE = {socket.TCP_KEEPIDLE: 10, socket.TCP_KEEPINTVL: 5, socket.TCP_KEEPCNT: 3}
READS_AT_ONCE = 8


def connect_stream(url: str) -> AsyncRedis:
    """A client of the event loop: its commands as patient as the API's, its subscriptions without any read timeout."""
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=READS_AT_ONCE + 1,
        timeout=API.patience_s,
        decode_responses=True,
        socket_connect_timeout=API.connect_s,
        socket_timeout=API.read_s,
        socket_keepalive=True,
        socket_keepalive_options=KEEPALIVE,
        retry=AsyncioRetry(NoBackoff(), 0),
    )
    return cast("AsyncRedis", AsyncioRedis.from_pool(pool))


# Most specific first. Every class says whether the command may have been carried out.
MAY_HAVE_HAPPENED = (foreign.TimeoutError, foreign.ConnectionError)
CANNOT_WRITE = (
    foreign.OutOfMemoryError,
    foreign.ReadOnlyError,
    foreign.BusyLoadingError,
    foreign.TryAgainError,
    foreign.MasterDownError,
)
NOT_ALLOWED = (
    foreign.AuthenticationError,
    foreign.AuthorizationError,
    foreign.NoPermissionError,
    foreign.ExternalAuthProviderError,
)
CANNOT_WRITE_WORDS = ("MISCONF", "OOM", "READONLY", "LOADING", "NOREPLICAS", "BUSY")


def translate(error: foreign.RedisError) -> OrchestratorError:
    """Our error for one of redis-py's."""
    if isinstance(error, NOT_ALLOWED):
        return Refused("the task store refuses this node's credentials", service="redis", category=Category.INTERNAL)
    if isinstance(error, CANNOT_WRITE) or str(error).startswith(CANNOT_WRITE_WORDS):
        return Overloaded("the task store cannot take writes now", retry_after_s=5, code="store_not_writable")
    if isinstance(error, StillSilent):
        return _gone()
    if isinstance(error, foreign.ConnectionError) and isinstance(error.__cause__ or error.__context__, OSError):
        refused = isinstance(error.__cause__ or error.__context__, ConnectionRefusedError)
        return _gone() if refused else _unknown()
    if isinstance(error, MAY_HAVE_HAPPENED):
        return _unknown()
    return Refused("the task store refused a command", service="redis", category=Category.INTERNAL)


def _gone() -> Unavailable:
    return Unavailable("the task store cannot be reached", service="redis", category=Category.NETWORK)


def _unknown() -> OutcomeUnknown:
    return OutcomeUnknown("the task store did not answer in time", service="redis", category=Category.NETWORK)


@contextmanager
def redis_errors() -> Iterator[None]:
    """Foreign exceptions become ours here."""
    try:
        yield
    except foreign.RedisError as error:
        log.warning("redis.failed", error=str(error), kind=type(error).__name__)
        raise translate(error) from error
