"""How this process reaches Triton. Made after the fork: a gRPC channel does not survive one (stack facts A.10)."""

from tritonclient.grpc import MAX_GRPC_MESSAGE_SIZE, InferenceServerClient

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
    # Triton is a neighbour: a proxy of the environment must not get between.
    ("grpc.enable_http_proxy", 0),
)


def connect(address: str) -> InferenceServerClient:
    """A client of the Triton at ``address`` (host:port). Nothing is sent yet.

    gRPC joins clients of one process that have the same address and arguments into one connection.
    """
    return InferenceServerClient(address, channel_args=list(CHANNEL_ARGS))
