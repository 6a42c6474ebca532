"""A project: the tenant that owns keys, quotas, a storage prefix and its tasks."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from orchestrator.domain.content import ContentNames, OnDelete, Outputs
from orchestrator.domain.errors import InvalidParams

SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
OBJECT_KEY = re.compile(r"[A-Za-z0-9/_.-]{1,900}")


@dataclass(frozen=True, slots=True)
class Project:
    """``slug`` is a DNS label of at most 40 characters; ``weight`` is its share of a lane. None is no limit.

    Pinned to a ``pool``, which others may share, its tasks go to the lanes `<lane>@<pool>` and to no other. With a
    ``payload_collection`` its tasks are shown in PayloadCMS (ADR 0036).

    The record is a Redis hash whose fields have these names; an absent field has the default given here.
    """

    slug: str
    weight: float = 1.0
    max_running: int | None = None
    max_queued: int | None = None
    gpu_s_per_hour: float | None = None
    max_bytes: int | None = None
    requests_per_s: float | None = None
    burst: int | None = None
    pool: str | None = None
    cdn_url: str | None = None
    retention_s: int | None = None
    retention_succeeded_s: int | None = None
    retention_failed_s: int | None = None
    retention_canceled_s: int | None = None
    payload_collection: str | None = None
    payload_files: str | None = None
    payload_links: str | None = None
    payload_outputs: Outputs | None = None
    payload_on_delete: OnDelete | None = None
    payload_fields: Mapping[str, str] = field(default_factory=dict, hash=False)
    paused: bool = False
    created_at_ms: int | None = None

    def __post_init__(self) -> None:
        if not SLUG.fullmatch(self.slug):
            raise InvalidParams("a project is named by 1 to 40 characters of a-z, 0-9 and '-'")

    @property
    def prefix(self) -> str:
        """Every object of the project lies under this prefix."""
        return f"projects/{self.slug}/"

    @property
    def content(self) -> ContentNames | None:
        """How its documents are named in the CMS; None if it has none there."""
        named = {"tasks": self.payload_collection, "files": self.payload_files, "links": self.payload_links}
        given = {name: collection for name, collection in named.items() if collection}
        return ContentNames(**given, fields=self.payload_fields) if self.payload_collection else None

    @property
    def shown_outputs(self) -> Outputs:
        """As what its outputs are shown in the CMS."""
        return self.payload_outputs or (Outputs.LINK if self.cdn_url else Outputs.FILE)

    def require_own_object(self, key: str) -> None:
        """Raise `InvalidParams` unless ``key`` is a plain key inside the project's own prefix.

        Traversal, absolute, encoded and non-ASCII keys are refused rather than normalised.
        """
        segments = key.split("/")
        plain = OBJECT_KEY.fullmatch(key) and all(segment not in {"", ".", ".."} for segment in segments)
        if not plain or not key.startswith(self.prefix):
            raise InvalidParams(f"input.object must be a plain key that starts with {self.prefix!r}")
