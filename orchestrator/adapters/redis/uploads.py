"""`Uploads` over Redis: one string of JSON for each, `orch:upload:<id>`, which ends by itself."""

from dataclasses import asdict, replace

from pydantic import TypeAdapter

from orchestrator.adapters.redis.client import RedisClient
from orchestrator.adapters.redis.connection import redis_errors
from orchestrator.adapters.redis.records import render_json
from orchestrator.domain.errors import UploadNotFound
from orchestrator.domain.upload import Upload

UPLOAD = TypeAdapter(Upload)


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
