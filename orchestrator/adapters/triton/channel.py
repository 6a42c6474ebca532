"""How this process reaches Triton. Made after the fork: a gRPC channel does not survive one (stack facts A.10)."""

import threading
import time
from collections.abc import Callable

import structlog
from tritonclient.grpc import MAX_GRPC_MESSAGE_SIZE, InferenceServerClient

from orchestrator.domain.errors import Category, OrchestratorError

log = structlog.get_logger()

# tritonclient drops all of its own defaults as soon as it is given a list, so the list is whole (stack facts C.5).
CHANNEL_ARGS = (
    ("grpc.max_send_message_length", MAX_GRPC_MESSAGE_SIZE),
    ("grpc.max_receive_message_length", MAX_GRPC_MESSAGE_SIZE),
    # Notices a server that vanished without a word. Triton is started with the matching minimum ping interval.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    # gRPC would wait up to two minutes before it looks for a restarted server again.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1_000),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    # A name may lead elsewhere by then; unasked, gRPC believes its first answer for half a minute.
    ("grpc.dns_min_time_between_resolutions_ms", 1_000),
    # Triton is a neighbour: a proxy of the environment must not get between.
    ("grpc.enable_http_proxy", 0),
)

AWAY_TIMES = 3  # in a row; fewer than open a breaker, which then sends nobody here any more
REDIALED_EVERY_S = 10.0


def connect(address: str) -> InferenceServerClient:
    """A client of the Triton at ``address`` (host:port). Nothing is sent yet.

    gRPC joins clients of one process that have the same address and arguments into one connection.
    """
    return InferenceServerClient(address, channel_args=list(CHANNEL_ARGS))


class Line:
    """The way to one Triton. When it was away several times in a row, its name is looked up anew.

    gRPC itself does so when a connection breaks; but whoever has the old address now may well answer there.
    """

    def __init__(self, address: str, *, now_s: Callable[[], float] = time.monotonic) -> None:
        self._address = address
        self._now_s = now_s
        self._clients = [connect(address)]
        self._redialed_s = float("-inf")
        self._times_away = 0
        self._lock = threading.Lock()

    @property
    def client(self) -> InferenceServerClient:
        return self._clients[-1]

    def hear(self, error: OrchestratorError | None = None) -> None:
        """A call has ended, with ``error`` or well. Everything but a failure of the network is an answer."""
        with self._lock:
            is_away = error is not None and error.category is Category.NETWORK
            self._times_away = self._times_away + 1 if is_away else 0
            if self._times_away >= AWAY_TIMES and self._now_s() - self._redialed_s >= REDIALED_EVERY_S:
                self._redial()

    def close(self) -> None:
        """Give up what is in flight and hang up."""
        for client in self._clients:
            client.close()

    def _redial(self) -> None:
        """What is in flight may still end on the client that is replaced, until the next time."""
        log.warning("triton.redialed", address=self._address)
        self._times_away, self._redialed_s = 0, self._now_s()
        for client in self._clients[:-1]:
            client.close()
        self._clients = [self.client, connect(self._address)]
