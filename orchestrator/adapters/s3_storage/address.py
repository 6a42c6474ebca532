"""Where a bucket is, and who asks."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class S3Address:
    """Where the bucket is. Clients are given URLs at ``public_endpoint``, which is ``endpoint`` when empty."""

    endpoint: str
    bucket: str
    access_key_id: str
    secret_access_key: str = field(repr=False)
    region: str = "auto"
    public_endpoint: str = ""
