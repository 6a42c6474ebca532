"""A bucket as its tests see it: the fake, or a server, and the same when it is away, forbids or misses."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from urllib.parse import unquote

import httpx
from fakes_storage import MemoryStorage
from servers import SeaweedFs

from orchestrator.adapters.s3_storage import S3Parts, S3Storage
from orchestrator.domain.breaker import AccessDenied
from orchestrator.domain.errors import Category, Refused, Unavailable
from orchestrator.local.loopback import pick_ports
from orchestrator.ports.storage import ObjectStorage, SignedUrl

LARGE = 16 * 1024**2 + 1  # just over one part
PATIENCE_S = 60.0  # on a busy machine an answer of the store may take longer than the five seconds of httpx


def put_signed(url: str, *, content: bytes, headers: Mapping[str, str]) -> httpx.Response:
    """What a client does with a URL that was signed for it."""
    return httpx.put(url, content=content, headers=headers, timeout=PATIENCE_S)


def get_signed(url: str) -> httpx.Response:
    return httpx.get(url, timeout=PATIENCE_S)


@dataclass
class Bucket:
    """A bucket seen four ways, and what clients of it do."""

    storage: ObjectStorage
    away: ObjectStorage
    forbidden: ObjectStorage
    missing: ObjectStorage
    upload: Callable[[SignedUrl, bytes], bool]
    download: Callable[[SignedUrl], tuple[bytes, str]]
    unfinished: Callable[[str], int]


def memory_bucket() -> Bucket:
    storage = MemoryStorage()
    refused = Refused("no", service="storage", category=Category.INTERNAL)
    return Bucket(
        storage=storage,
        away=MemoryStorage(failure=Unavailable("away", service="storage", category=Category.STORAGE)),
        forbidden=MemoryStorage(failure=AccessDenied(service="storage")),
        missing=MemoryStorage(failure=refused),
        upload=storage.upload,
        download=storage.download,
        unfinished=lambda _prefix: 0,
    )


def s3_bucket(server: SeaweedFs) -> Bucket:
    address = server.address

    def upload(signed: SignedUrl, body: bytes) -> bool:
        headers = {**signed.headers, "Content-Length": str(len(body))}  # HTTP clients send the true length
        return put_signed(signed.url, content=body, headers=headers).is_success

    def download(signed: SignedUrl) -> tuple[bytes, str]:
        answer = get_signed(signed.url).raise_for_status()
        name = re.search(r"filename\*=UTF-8''(.*)$", answer.headers["content-disposition"])
        return answer.content, unquote(name[1]) if name else ""

    return Bucket(
        storage=S3Storage(address),
        away=S3Storage(replace(address, endpoint=f"http://127.0.0.1:{pick_ports(1)[0]}")),
        forbidden=S3Storage(replace(address, secret_access_key="wrong")),
        missing=S3Storage(replace(address, bucket="missing")),
        upload=upload,
        download=download,
        unfinished=lambda prefix: len(list(S3Parts(address).unfinished(prefix))),
    )
