"""Where a bucket is, and who asks."""

from dataclasses import dataclass, field
from typing import Self
from urllib.parse import quote, urlsplit

from orchestrator.adapters.s3_storage.key_file import KeyFile, Keys


@dataclass(frozen=True, slots=True)
class S3Address:
    """Where the bucket is. Clients are given URLs at ``public_endpoint``, which is ``endpoint`` when empty.

    With a ``key_file`` the keys are those that it holds at the moment.
    """

    endpoint: str
    bucket: str
    access_key_id: str
    secret_access_key: str = field(repr=False)
    region: str = "auto"
    public_endpoint: str = ""
    key_file: KeyFile | None = None

    @property
    def keys(self) -> Keys:
        return self.key_file.keys() if self.key_file else Keys(self.access_key_id, self.secret_access_key)


@dataclass(frozen=True, slots=True)
class Place:
    """A bucket in URLs, path style."""

    origin: str
    host: str
    root: str

    @classmethod
    def of_bucket(cls, endpoint: str, bucket: str) -> Self:
        parts = urlsplit(endpoint)
        return cls(f"{parts.scheme}://{parts.netloc}", parts.netloc, f"{parts.path.rstrip('/')}/{bucket}/")

    def path_of(self, key: str) -> str:
        return self.root + quote(key, safe="/-_.~")
