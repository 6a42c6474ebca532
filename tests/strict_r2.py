"""Cloudflare R2 where it is stricter than SeaweedFS and other doubles: a screen of the fault proxy (stack facts D).

It refuses what R2 refuses, changes nothing else, and so the `Host` that clients have signed holds.
"""

import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from urllib.parse import parse_qs, urlsplit

from fault_proxy import FaultProxy, fault_proxy
from http_faults import Head, HttpFaults, HttpScreen
from servers import SeaweedFs

MIB = 1024**2
PART_BYTES = range(5 * MIB, 5 * 1024 * MIB + 1)  # of all but the last
PARTS = range(1, 10_001)
PRESIGNED_S = range(1, 7 * 24 * 3600 + 1)
WRITE_EVERY_S = 1.0
NEVER = float("-inf")
SUCCESS = b"HTTP/1.1 200"

# Answered 501 whatever they say.
NOT_IMPLEMENTED = re.compile(r"x-amz-(acl|grant-.*|tagging|object-lock-.*|server-side-encryption-aws-.*|trailer)$")

Refusal = tuple[int, str]


@dataclass
class R2Memory:
    """What R2 knows of a bucket beyond its objects. Shared by all connections."""

    sizes: dict[str, dict[int, int]] = field(default_factory=dict)  # of parts, by upload and number
    written_at_s: dict[str, float] = field(default_factory=dict)
    refused: list[Refusal] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def judge(self, head: Head) -> Refusal | None:
        """Why it is refused, if it is."""
        with self._lock:
            verdict = self._judge(head, parse_qs(urlsplit(head.target).query, keep_blank_values=True))
            if verdict:
                self.refused.append(verdict)
            return verdict

    def _judge(self, head: Head, query: Mapping[str, list[str]]) -> Refusal | None:
        if head.method == "POST" and not {"uploads", "uploadId"} & query.keys():
            return 501, "NotImplemented"  # policies, and deletions of many whose checksum it may not know
        return (
            _refuse_stream(head)
            or _refuse_presigned(head, query)
            or (self._refuse_part(head, query) if "partNumber" in query else None)
            or self._refuse_write(head, query)
        )

    def _refuse_part(self, head: Head, query: Mapping[str, list[str]]) -> Refusal | None:
        number, size_bytes = int(query["partNumber"][0]), int(head.headers["content-length"])
        if number not in PARTS or size_bytes >= PART_BYTES.stop:
            return 400, "InvalidArgument"
        self.sizes.setdefault(query["uploadId"][0], {})[number] = size_bytes
        return None

    def _refuse_write(self, head: Head, query: Mapping[str, list[str]]) -> Refusal | None:
        if head.method == "POST" and "uploadId" in query:
            *most, _last = (size for _, size in sorted(self.sizes.get(query["uploadId"][0], {0: 0}).items()))
            if len(set(most)) > 1:
                return 400, "InvalidPart"
            if any(size not in PART_BYTES for size in most):
                return 400, "EntityTooSmall"
        if time.monotonic() - self.written_at_s.get(written_key(head), NEVER) < WRITE_EVERY_S:
            return 429, "TooManyRequests"
        return None


def written_key(head: Head) -> str:
    """What an object is created at by this request, if it does that."""
    url = urlsplit(head.target)
    query = parse_qs(url.query)
    creates = (head.method == "POST" and "uploadId" in query) or (head.method == "PUT" and "partNumber" not in query)
    return url.path if creates else ""


def _refuse_stream(head: Head) -> Refusal | None:
    if head.headers.get("x-amz-content-sha256", "").startswith("STREAMING-"):
        return 401, "Unauthorized"  # that is how R2 says it
    if "aws-chunked" in head.headers.get("content-encoding", ""):
        return 501, "NotImplemented"
    if any(NOT_IMPLEMENTED.match(name) for name in head.headers):
        return 501, "NotImplemented"
    if head.method == "PUT" and "content-length" not in head.headers:
        return 411, "MissingContentLength"
    return None


def _refuse_presigned(head: Head, query: Mapping[str, list[str]]) -> Refusal | None:
    if "X-Amz-Expires" in query and int(query["X-Amz-Expires"][0]) not in PRESIGNED_S:
        return 400, "AuthorizationQueryParametersError"
    return (501, "NotImplemented") if "X-Amz-Signature" in query and head.method == "POST" else None


class R2Screen(HttpScreen):
    """One connection to R2, on which faults happen as well."""

    def __init__(self, memory: R2Memory, faults: HttpFaults) -> None:
        super().__init__(faults)
        self._memory = memory

    def refuse(self, head: Head) -> bytes | None:
        answer = super().refuse(head)
        if answer is not None:
            return answer
        verdict = self._memory.judge(head)
        return render_refusal(*verdict) if verdict else None

    def reply(self, data: bytes) -> bytes:
        if data.startswith(SUCCESS) and (key := written_key(self.head)):
            self._memory.written_at_s[key] = time.monotonic()
        return super().reply(data)


def render_refusal(status: int, code: str) -> bytes:
    body = f"<Error><Code>{code}</Code><Message>as R2 would say</Message></Error>".encode()
    head = f"HTTP/1.1 {status} Refused\r\nContent-Type: application/xml\r\nContent-Length: {len(body)}\r\n"
    return f"{head}Connection: close\r\n\r\n".encode() + body


@dataclass
class StrictR2:
    """The server behind the proxy."""

    server: SeaweedFs
    proxy: FaultProxy
    faults: HttpFaults
    memory: R2Memory


@contextmanager
def strict_r2(server: SeaweedFs) -> Iterator[StrictR2]:
    """The object store as strict as R2; ``server`` of what it yields is reached through the proxy."""
    faults, memory = HttpFaults(), R2Memory()
    with fault_proxy(int(server.endpoint.rpartition(":")[2]), partial(R2Screen, memory, faults)) as proxy:
        yield StrictR2(replace(server, endpoint=f"http://127.0.0.1:{proxy.port}"), proxy, faults, memory)
