"""URLs that let a client put or get one object, or one part of it, without a key."""

import time
from collections.abc import Mapping

from orchestrator.adapters.s3_storage.address import Place, S3Address
from orchestrator.adapters.s3_storage.signer import Method, Signer
from orchestrator.ports.storage import SignedUrl


class PublicUrls:
    """Not by boto3, which takes ten times as long: every look at a finished task signs all its outputs."""

    def __init__(self, address: S3Address) -> None:
        self._place = Place.of_bucket(address.public_endpoint or address.endpoint, address.bucket)
        self._signer = Signer(address)

    def sign(
        self, method: Method, key: str, *, headers: Mapping[str, str], query: Mapping[str, str], expires_s: float
    ) -> SignedUrl:
        """A URL that works with just these ``headers``, for whole seconds."""
        path, expires_at_s = self._place.path_of(key), time.time() + int(expires_s)
        named = {"host": self._place.host, **{name.lower(): value for name, value in headers.items()}}
        signed = self._signer.presign(method, path, headers=named, query=query, expires_s=int(expires_s))
        return SignedUrl(f"{self._place.origin}{path}?{signed}", headers, expires_at_s)
