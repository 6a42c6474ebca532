"""The front door: who may come in, what is accepted, and how much of it."""

from datetime import timedelta

from pydantic import Field, IPvAnyNetwork, SecretStr

from orchestrator.domain.project import SLUG
from orchestrator.settings.section import LongSecret, Section


class ApiSettings(Section):
    """The front door."""

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8080, description="Port to listen on.")
    public_url: str = Field(
        "", pattern=r"^(https?://[^\s?#]+)?$", description="Where clients reach it; links in webhooks begin with this."
    )
    key_pepper: LongSecret = Field(
        SecretStr(""),
        description="Secret under which API keys and webhook secrets are kept. Another one ends all of them.",
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
