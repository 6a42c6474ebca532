"""A gRPC server that speaks Triton's protocol and says what the real one cannot be made to say when a test wants it."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import grpc
from tritonclient.grpc import service_pb2, service_pb2_grpc

Refuse = Callable[[grpc.ServicerContext], object]


@dataclass
class FakeTriton:
    """Listens at ``address``. Every call that asks for work ends as ``refuse`` ends it; None answers with nothing."""

    address: str
    refuse: Refuse | None = None
    asked: list[str] = field(default_factory=list)

    def say(self, code: grpc.StatusCode, words: str) -> None:
        self.refuse = lambda context: context.abort(code, words)


class _Servicer(service_pb2_grpc.GRPCInferenceServiceServicer):  # type: ignore[misc]  # generated, untyped
    """Of all calls those that our adapters make."""

    def __init__(self, fake: FakeTriton) -> None:
        self._fake = fake

    def ModelInfer(self, request: service_pb2.ModelInferRequest, context: grpc.ServicerContext) -> object:  # noqa: N802 - Triton's names
        self._end("infer", context)
        return service_pb2.ModelInferResponse(model_name=request.model_name, model_version="1")

    def ServerLive(self, _request: object, context: grpc.ServicerContext) -> object:  # noqa: N802 - as above
        self._end("live", context)
        return service_pb2.ServerLiveResponse(live=True)

    def RepositoryIndex(self, _request: object, _context: grpc.ServicerContext) -> object:  # noqa: N802 - as above
        return service_pb2.RepositoryIndexResponse()

    def RepositoryModelLoad(self, _request: object, context: grpc.ServicerContext) -> object:  # noqa: N802 - as above
        self._end("load", context)
        return service_pb2.RepositoryModelLoadResponse()

    def _end(self, call: str, context: grpc.ServicerContext) -> None:
        self._fake.asked.append(call)
        if self._fake.refuse:
            self._fake.refuse(context)


@contextmanager
def fake_triton(address: str = "127.0.0.1:0", *, options: tuple[tuple[str, int], ...] = ()) -> Iterator[FakeTriton]:
    """One that listens at ``address``, on a port of the system's choice where that is 0."""
    with ThreadPoolExecutor(4) as threads:
        server = grpc.server(threads, options=(("grpc.so_reuseport", 0), *options))
        host, _, _ = address.rpartition(":")
        fake = FakeTriton(f"{host}:{server.add_insecure_port(address)}")
        service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(_Servicer(fake), server)
        server.start()
        try:
            yield fake
        finally:
            server.stop(None).wait()
