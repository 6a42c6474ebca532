"""Where everything in a stack listens, on loopback, and how that is told to others."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from orchestrator.local.credentials import Credentials
from orchestrator.local.loopback import is_free, pick_ports, reserve
from orchestrator.local.part import StackError
from orchestrator.local.seaweedfs import PORT_FLAGS
from orchestrator.local.stack_file import PAYLOAD_API, MetricsAccess, PayloadAccess, S3Access, Stack, TritonAccess
from orchestrator.local.triton import TritonPorts

BUCKET = "media"
PORT_COUNT = 9 + len(PORT_FLAGS)


@dataclass(frozen=True, slots=True)
class Ports:
    """Every port of a stack, on loopback."""

    api: int
    redis: int
    triton: TritonPorts
    worker_metrics: int
    keeper_metrics: int
    payload: int
    s3: tuple[int, ...]


def choose_ports(api: int, memory: Path) -> Ports:
    """The ports of the stack's last run, kept in ``memory``, or fresh ones if any of them is taken.

    ``api`` is used as it is, unless it is 0.

    Raises:
        StackError: ``api`` is taken, or there are no free ports.
    """
    if api and not is_free(api):
        raise StackError(f"port {api} is in use: choose another, or 0 for a free one")
    numbers = _recall(memory) or pick_ports(PORT_COUNT)
    memory.write_text(json.dumps(numbers))
    usual, redis, http, grpc, metrics, warden, workers, keeper, payload, *s3 = numbers
    return Ports(
        api=api or usual,
        redis=redis,
        triton=TritonPorts(http=http, grpc=grpc, metrics=metrics, warden=warden),
        worker_metrics=workers,
        keeper_metrics=keeper,
        payload=payload,
        s3=tuple(s3),
    )


def describe_stack(ports: Ports, credentials: Credentials, *, payload: bool = False) -> Stack:
    """The stack as it will be, with a Payload or without, supervised by this process, before any part runs."""

    def url(port: int, path: str = "") -> str:
        return f"http://127.0.0.1:{port}{path}"

    return Stack(
        api=url(ports.api),
        api_key=credentials.api_key,
        redis=f"redis://127.0.0.1:{ports.redis}/0",
        s3=S3Access(
            endpoint=url(ports.s3[0]),
            bucket=BUCKET,
            access_key_id=credentials.s3_access_key_id,
            secret_access_key=credentials.s3_secret_access_key,
        ),
        triton=TritonAccess(
            http=url(ports.triton.http),
            grpc=f"127.0.0.1:{ports.triton.grpc}",
            metrics=url(ports.triton.metrics, "/metrics"),
            warden=url(ports.triton.warden),
        ),
        metrics=MetricsAccess(
            workers=url(ports.worker_metrics, "/metrics"), keeper=url(ports.keeper_metrics, "/metrics")
        ),
        payload=PayloadAccess(url=url(ports.payload, PAYLOAD_API), api_key=credentials.payload_api_key)
        if payload
        else None,
        supervisor=os.getpid(),
    )


def _recall(memory: Path) -> tuple[int, ...]:
    numbers = tuple(json.loads(memory.read_text())) if memory.exists() else ()
    return numbers if len(numbers) == PORT_COUNT and all(is_free(port) and reserve(port) for port in numbers) else ()
