"""The only reader of the environment: one frozen `Settings`, made once in the entry point and passed down.

Variables are ``ORCH_<SECTION>__<NAME>``; `docs/configuration.md` and `.env.example` are generated from this file.
"""

import os
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, IPvAnyNetwork, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from orchestrator.domain.project import SLUG


class Section(BaseModel):
    """Base of every section: a misspelt name is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


LONG = 20


def _long_or_empty(secret: SecretStr) -> SecretStr:
    if 0 < len(secret.get_secret_value()) < LONG:
        raise ValueError(f"must have at least {LONG} characters")
    return secret


LongSecret = Annotated[SecretStr, AfterValidator(_long_or_empty)]


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
    url_expires: timedelta = Field(timedelta(hours=1), description="Life of a presigned URL.")


class TritonSettings(Section):
    """The inference server."""

    grpc: str = Field("127.0.0.1:8001", description="host:port of gRPC; inference and model control.")
    metrics_url: str = Field("http://127.0.0.1:8002/metrics", description="Triton's own metrics.")
    control_key: SecretStr = Field(SecretStr(""), description="Secret of the restricted control protocol.")
    infer_timeout: timedelta = Field(timedelta(seconds=120), description="One inference may take this long.")


class ApiSettings(Section):
    """The front door."""

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8080, description="Port to listen on.")
    key_pepper: LongSecret = Field(
        SecretStr(""), description="Secret under which API keys are kept. Another one ends every key there is."
    )
    admin_key: LongSecret = Field(
        SecretStr(""), description="A key with every scope, for making others; none when empty."
    )
    admin_project: str = Field(
        "admin", pattern=rf"^{SLUG.pattern}$", description="The project that the admin key works for."
    )
    metrics_port: int | None = Field(
        None, description="Port of the metrics without a key, for inside your network; none when empty."
    )
    answers_kept: timedelta = Field(
        timedelta(days=1),
        ge=timedelta(seconds=1),
        description="An `Idempotency-Key` replays its first answer for this long.",
    )
    streams: int = Field(
        1000, ge=2, description="Streams of events and waiting requests open at once; a project gets half of them."
    )


class WorkerSettings(Section):
    """Celery workers."""

    concurrency: int = Field(2, ge=1, description="Forked children per lane.")
    lease: timedelta = Field(timedelta(seconds=30), description="A run that is silent this long has lost its task.")
    drain: timedelta = Field(timedelta(seconds=25), description="After SIGTERM, finish within this, release the rest.")
    solo_wait: timedelta = Field(
        timedelta(seconds=30),
        description="A crashed task that runs alone waits so long before a busy child makes room.",
    )
    deaf_after: timedelta = Field(
        timedelta(seconds=30),
        description="A worker that hears no pulse for so long, although one waits and a child is free, starts anew.",
    )
    scratch_dir: Path = Field(Path("/tmp/orchestrator"), description="Work folder of runs.")  # noqa: S108 - a default
    tasks_per_child: int = Field(2000, ge=1, description="A child is replaced after this many tasks.")
    memory_per_child_mib: int = Field(2048, ge=256, description="A child larger than this is replaced.")
    metrics_dir: Path | None = Field(
        None, description="Folder of Prometheus samples; one worker of each lane may share it."
    )
    metrics_port: int = Field(9102, description="Port of `orchestrator metrics`.")


class StageSettings(Section):
    """How long a stage of a run may take. One that takes longer fails its run with `timeout`, which is tried twice."""

    fetch: timedelta = Field(timedelta(minutes=15), description="To fetch the input.")
    probe: timedelta = Field(timedelta(minutes=1), description="To look at the input.")
    infer: timedelta = Field(timedelta(minutes=30), description="To load the model and run the pipeline.")
    infer_by_type: dict[str, timedelta] = Field(
        default_factory=lambda: {"video.shots": timedelta(hours=4), "audio.speech": timedelta(hours=4)},
        description='The same for single task types: {"video.shots": "PT4H"} (JSON).',
    )
    store: timedelta = Field(timedelta(minutes=30), description="To store the artifacts.")


class MediaSettings(Section):
    """What this node accepts at most, looked at before any GPU time. The API and the workers must be told the same."""

    input_bytes: int = Field(8 * 1024**3, ge=1, description="The largest film or recording, and the largest upload.")
    picture_bytes: int = Field(256 * 1024**2, ge=1, description="The largest file of a picture.")
    picture_pixels: int = Field(64_000_000, ge=1, le=178_000_000, description="Width × height of a picture.")
    frame_pixels: int = Field(8192 * 4320, ge=1, description="Width × height of a film's frames.")
    frame_rate: float = Field(240.0, gt=0, description="Frames a second.")
    streams: int = Field(64, ge=1, description="Streams in one file.")
    duration: timedelta = Field(timedelta(hours=6), gt=timedelta(0), description="Length of a film or recording.")
    decode_memory_mib: int = Field(2048, ge=512, description="Address space of a decoder process.")


class UploadSettings(Section):
    """Uploads of clients."""

    expires: timedelta = Field(
        timedelta(hours=24), ge=timedelta(hours=1), description="An upload that is not complete by then is thrown away."
    )


class FetchSettings(Section):
    """Inputs by URL. Only public addresses are reached, whatever a name resolves to (ADR 0028)."""

    allow_http: bool = Field(default=False, description="Also http:// on port 80.")
    private_networks: tuple[IPvAnyNetwork, ...] = Field(
        (), description='Networks of your own that may be fetched from, on any port: ["10.20.0.0/16"] (JSON).'
    )
    redirects: int = Field(3, ge=0, le=10, description="Redirects that are followed; each is judged anew.")
    deadline: timedelta = Field(timedelta(minutes=10), gt=timedelta(0), description="The whole fetch may take this.")
    silence: timedelta = Field(timedelta(seconds=15), gt=timedelta(0), description="A server may be silent this long.")


class LimitSettings(Section):
    """What each project may use; a project's own fields come before these, and `none` is no limit (ADR 0025).

    Requests are counted in units: 1 for a look, 3 for what changes something. The API and the workers must be told the
    same.
    """

    requests_per_s: float | None = Field(4000, gt=0, description="Units a second of all keys of a project together.")
    burst: int = Field(8000, ge=1, description="Units at once.")
    key_requests_per_s: float | None = Field(2000, gt=0, description="Units a second of each key.")
    key_burst: int = Field(4000, ge=1, description="Units at once.")
    max_running: int | None = Field(None, ge=0, description="Tasks of a project that run at once; more wait.")
    max_queued: int | None = Field(100_000, ge=0, description="Tasks of a project that wait; more are refused.")
    gpu_s_per_hour: float | None = Field(None, ge=0, description="GPU-seconds in sixty minutes; more wait.")
    max_bytes: int | None = Field(
        None, ge=0, description="Bytes of artifacts and uploads that a project keeps; more are refused."
    )
    lane_tasks: int | None = Field(1_000_000, ge=1, description="Tasks that are ready in a lane; more are refused.")
    lane_wait: timedelta | None = Field(
        timedelta(days=7), description="A task that would wait longer, by what is predicted, is refused."
    )
    need_worker: bool = Field(
        default=False, description="Refuse tasks of a lane without a living worker, instead of keeping them for later."
    )


class KeeperSettings(Section):
    """The duties."""

    tick: timedelta = Field(
        timedelta(seconds=1),
        gt=timedelta(0),
        le=timedelta(seconds=1),
        description="Pause between two looks for lapsed leases and waiting work.",
    )
    retention: timedelta = Field(timedelta(days=7), description="Terminal tasks and their artifacts live this long.")
    metrics_port: int = Field(9103, description="Port of the keeper's queue metrics.")


class LogSettings(Section):
    """Logs go to standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field("info", description="The least level shown.")
    format: Literal["json", "console"] = Field("json", description="`json` for machines, `console` for people.")


class Settings(BaseSettings):
    """Everything that can be configured."""

    model_config = SettingsConfigDict(
        env_prefix="ORCH_", env_nested_delimiter="__", env_parse_none_str="none", frozen=True, extra="ignore"
    )

    redis: RedisSettings = RedisSettings()
    s3: S3Settings = S3Settings()
    triton: TritonSettings = TritonSettings()
    api: ApiSettings = ApiSettings()
    worker: WorkerSettings = WorkerSettings()
    stages: StageSettings = StageSettings()
    media: MediaSettings = MediaSettings()
    fetch: FetchSettings = FetchSettings()
    limits: LimitSettings = LimitSettings()
    uploads: UploadSettings = UploadSettings()
    keeper: KeeperSettings = KeeperSettings()
    log: LogSettings = LogSettings()


PREFIX = "ORCH_"
# Read by the command line itself: which stack or service to talk to, and where the embedded stack's files are.
COMMAND_LINE = frozenset({"ORCH_STATE", "ORCH_URL", "ORCH_API_KEY", "ORCH_PROJECT_DIR"})


def unknown_variables() -> list[str]:
    """Variables of the environment that begin like ours and mean nothing: misspelt, or of another version."""
    known = {
        f"{PREFIX}{section}__{name}".upper()
        for section, field in Settings.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section)
        for name in field.annotation.model_fields
    }
    return sorted(name for name in os.environ if name.startswith(PREFIX) and name not in known | COMMAND_LINE)
