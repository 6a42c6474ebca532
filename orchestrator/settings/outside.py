"""The systems this node stands on: Redis, S3 and Triton."""

from datetime import timedelta
from pathlib import Path

from pydantic import Field, SecretStr

from orchestrator.settings.section import Section


class RedisSettings(Section):
    """The store of records and the Celery broker."""

    url: SecretStr = Field(SecretStr("redis://127.0.0.1:6379/0"), description="Records, queues and events.")
    broker_url: SecretStr | None = Field(None, description="Celery's broker; the same server when empty.")
    require_durable: bool = Field(
        default=True,
        description="Not ready unless AOF runs with `appendfsync always`. Without it the last second can be lost.",
    )


class S3Settings(Section):
    """Cloudflare R2, or any S3."""

    endpoint: str = Field("http://127.0.0.1:8333", description="S3 endpoint as this process reaches it.")
    public_endpoint: str = Field("", description="Endpoint in URLs given to clients; the same when empty.")
    region: str = Field("auto", description="`auto` for R2.")
    bucket: str = Field("media", description="The bucket of everything.")
    access_key_id: str = Field("", description="Access key id.")
    secret_access_key: SecretStr = Field(SecretStr(""), description="Secret access key.")
    credentials_file: Path | None = Field(
        None,
        description="A file with both, as AWS's own tools write it (profile `default`), in the place of the two above. "
        "It is read anew when it changes: new keys need no restart.",
    )
    url_expires: timedelta = Field(timedelta(hours=1), description="Life of a presigned URL.")
    cache_control: str = Field(
        "public, max-age=31536000, immutable",
        description="`Cache-Control` of what is stored; none when empty. No key is ever written twice.",
    )


class CdnSettings(Section):
    """The cache before the bucket, for projects that have a `cdn_url`."""

    purge_url: str = Field(
        "",
        description="Told what is removed, as Cloudflare is: "
        "`https://api.cloudflare.com/client/v4/zones/<zone>/purge_cache`. Nobody is when empty.",
    )
    purge_token: SecretStr = Field(SecretStr(""), description="Bearer token for that.")


class FallbackSettings(Section):
    """A second S3, for artifacts that are made while the first is away; they are moved back afterwards."""

    endpoint: str = Field("", description="Its endpoint; no fallback when empty, and tasks wait for the first.")
    public_endpoint: str = Field("", description="Endpoint in URLs given to clients; the same when empty.")
    region: str = Field("auto", description="Its region.")
    bucket: str = Field("media", description="Its bucket.")
    access_key_id: str = Field("", description="Access key id.")
    secret_access_key: SecretStr = Field(SecretStr(""), description="Secret access key.")
    credentials_file: Path | None = Field(None, description="As `ORCH_S3__CREDENTIALS_FILE`.")


class TritonSettings(Section):
    """The inference servers: one, or several with commas between, then all three lists in the same order."""

    grpc: str = Field("127.0.0.1:8001", description="host:port of gRPC; inference and model control.")
    metrics_url: str = Field("http://127.0.0.1:8002/metrics", description="Triton's own metrics.")
    warden_url: str = Field("", description="The warden beside it: files, memory, restart. None when empty.")
    control_key: SecretStr = Field(SecretStr(""), description="Secret of the restricted control protocol.")
    infer_timeout: timedelta = Field(
        timedelta(seconds=120),
        description="One inference may take this long, and never longer than what is left to its stage and its run.",
    )

    @property
    def instances(self) -> tuple[str, ...]:
        """The address of each server; runs that nobody has placed go to the first."""
        return tuple(address.strip() for address in self.grpc.split(","))


class JournalSettings(Section):
    """A second copy of every accepted task, outside Redis: `orchestrator rebuild` makes the records anew from it."""

    enabled: bool = Field(default=False, description="A submit is answered when the journal holds the task as well.")
    bucket: str = Field("", description="Its bucket at the same S3; the one of everything when empty.")
    prefix: str = Field("journal", pattern=r"^[A-Za-z0-9_.-]+$", description="What its keys begin with.")
    timeout: timedelta = Field(
        timedelta(seconds=1), gt=timedelta(0), description="One try to write may take this; there are three."
    )
