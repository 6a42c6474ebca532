"""AWS Signature Version 4, in headers and in URLs ("Authenticating Requests", Amazon S3 API Reference)."""

import hashlib
import hmac
import time
from collections.abc import Mapping
from typing import Literal
from urllib.parse import quote

from orchestrator.adapters.s3_storage.address import S3Address
from orchestrator.adapters.s3_storage.key_file import Keys

ALGORITHM = "AWS4-HMAC-SHA256"
UNSIGNED = "UNSIGNED-PAYLOAD"

Method = Literal["GET", "HEAD", "PUT"]


class Signer:
    """Signs for the holder of the address's key. Safe to share between threads."""

    def __init__(self, address: S3Address) -> None:
        self._address = address
        self._key_of_day = ("", "", b"")

    def sign(
        self, method: Method, path: str, *, query: str, headers: Mapping[str, str], body_sha256: str
    ) -> dict[str, str]:
        """``headers`` (names in small letters, `host` among them) with what proves who sends them and the body.

        ``query`` is as `render_query` makes it.
        """
        now = _now()
        all_headers = {**headers, "x-amz-content-sha256": body_sha256, "x-amz-date": now}
        names = sorted(all_headers)
        lines = [f"{name}:{all_headers[name]}" for name in names]
        canonical = "\n".join([method, path, query, *lines, "", ";".join(names), body_sha256])
        keys = self._address.keys
        credential, signature = self._credential(now, keys), self._signature(canonical, now, keys=keys)
        proof = f"{ALGORITHM} Credential={credential}, SignedHeaders={';'.join(names)}, Signature={signature}"
        return {**all_headers, "authorization": proof}

    def presign(
        self, method: Method, path: str, *, headers: Mapping[str, str], query: Mapping[str, str], expires_s: int
    ) -> str:
        """``query`` with what lets anybody send it, with just these ``headers``, until it expires."""
        now, names, keys = _now(), ";".join(sorted(headers)), self._address.keys
        whole = {
            **query,
            "X-Amz-Algorithm": ALGORITHM,
            "X-Amz-Credential": self._credential(now, keys),
            "X-Amz-Date": now,
            "X-Amz-Expires": str(expires_s),
            "X-Amz-SignedHeaders": names,
        }
        text = render_query(whole)
        lines = [f"{name}:{value}" for name, value in sorted(headers.items())]
        canonical = "\n".join([method, path, text, *lines, "", names, UNSIGNED])
        return f"{text}&X-Amz-Signature={self._signature(canonical, now, keys=keys)}"

    def _credential(self, now: str, keys: Keys) -> str:
        return f"{keys.access_key_id}/{self._scope(now)}"

    def _scope(self, now: str) -> str:
        return f"{now[:8]}/{self._address.region}/s3/aws4_request"

    def _signature(self, canonical: str, now: str, *, keys: Keys) -> str:
        text = "\n".join([ALGORITHM, now, self._scope(now), hashlib.sha256(canonical.encode()).hexdigest()])
        return hmac.digest(self._key_of(now[:8], keys.secret_access_key), text.encode(), "sha256").hex()

    def _key_of(self, day: str, secret: str) -> bytes:
        known_day, known_secret, key = self._key_of_day
        if (known_day, known_secret) != (day, secret):
            key = f"AWS4{secret}".encode()
            for part in (day, self._address.region, "s3", "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            self._key_of_day = (day, secret, key)  # in one step: threads share it
        return key


def render_query(query: Mapping[str, str]) -> str:
    """In the order and with the quotes that are signed."""
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in sorted(query.items()))


def _now() -> str:
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
