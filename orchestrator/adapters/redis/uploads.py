"""Uploads over Redis: what was offered and counts (`lua/uploads.lua`), and those in progress.

Each of these is one string of JSON, `orch:upload:<id>`, which ends by itself.
"""

from collections.abc import Mapping
from dataclasses import asdict, replace

from pydantic import TypeAdapter

from orchestrator.adapters.redis.client import RedisClient
from orchestrator.adapters.redis.connection import redis_errors
from orchestrator.adapters.redis.intake import parse_refusal
from orchestrator.adapters.redis.records import render_json, render_limit
from orchestrator.adapters.redis.scripts import Scripts
from orchestrator.domain.errors import UploadNotFound
from orchestrator.domain.limits import UNLIMITED, Quotas
from orchestrator.domain.upload import Upload

UPLOAD = TypeAdapter(Upload)


class RedisUploadLog:
    """Implements `ports.uploads.UploadLog`. ``quotas`` are of projects that name none of their own."""

    def __init__(self, scripts: Scripts, *, quotas: Quotas = UNLIMITED) -> None:
        self._scripts, self._max_bytes = scripts, render_limit(quotas.max_bytes)

    def reserve(self, key: str, *, size_bytes: int, ends_in_s: float) -> None:
        self._reserve({"key": key, "bytes": size_bytes, "is_lasting": 1}, ends_in_s)

    def reserve_for_task(self, key: str, *, size_bytes: int, ends_in_s: float) -> None:
        self._reserve({"key": key, "bytes": size_bytes, "is_lasting": ""}, ends_in_s)

    def give_back(self, key: str) -> None:
        with redis_errors():
            self._scripts.run("forget_upload", {"key": key})

    def _reserve(self, given: Mapping[str, object], ends_in_s: float) -> None:
        when = {"ends_in_ms": int(ends_in_s * 1000), "max_bytes": self._max_bytes}
        with redis_errors():
            outcome, *why = self._scripts.run("reserve_upload", {**given, **when})
        if outcome == "refused":
            raise parse_refusal(why)


class RedisUploads:
    """Implements `ports.uploads.Uploads`. Times are the server's."""

    def __init__(self, client: RedisClient, *, expires_s: float) -> None:
        self._client, self._expires_s = client, expires_s

    def open(self, upload: Upload) -> Upload:
        with redis_errors():
            seconds, micros = self._client.time()
            opened = replace(upload, expires_at_s=int(seconds) + int(micros) / 1e6 + self._expires_s)
            self._client.set(_key(upload.id), render_json(asdict(opened)), px=int(self._expires_s * 1000))
        return opened

    def find(self, project: str, upload_id: str) -> Upload:
        with redis_errors():
            text = self._client.get(_key(upload_id))
        upload = UPLOAD.validate_json(text) if text else None
        if upload is None or upload.project != project:
            raise UploadNotFound
        return upload

    def close(self, upload_id: str) -> None:
        with redis_errors():
            self._client.delete(_key(upload_id))


def _key(upload_id: str) -> str:
    return f"orch:upload:{upload_id}"
