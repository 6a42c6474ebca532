"""The shapes of projects and keys: what admins send, and what they are answered."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from orchestrator.api.bodies import Request
from orchestrator.api.content_shapes import ContentBody, ContentView
from orchestrator.api.inputs import PageCursor
from orchestrator.api.times import Time
from orchestrator.domain.api_key import Scope
from orchestrator.domain.lane import POOL
from orchestrator.domain.project import SLUG

Slug = Annotated[str, Field(pattern=rf"^{SLUG.pattern}$", examples=["film-a"])]
KeyName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._:-]{0,63}$")]
Count = Annotated[int, Field(strict=True, ge=1, le=2**53)]

TEN_YEARS_S = 10 * 365 * 86_400


class Limits(Request):
    """What a project may use. Null, or absent in a new project, is no limit."""

    weight: Annotated[float, Field(strict=True, gt=0, le=1000)] | None = Field(
        None, description="Its share of a lane beside the others; 1 when null."
    )
    max_running: Count | None = Field(None, description="Tasks running at once.")
    max_queued: Count | None = Field(None, description="Tasks waiting at once.")
    gpu_s_per_hour: Annotated[float, Field(strict=True, gt=0, le=1e9)] | None = Field(
        None, description="GPU-seconds an hour."
    )
    max_bytes: Count | None = Field(None, description="Bytes stored.")
    requests_per_s: Annotated[float, Field(strict=True, gt=0, le=1e6)] | None = Field(
        None, description="Calls a second."
    )
    burst: Count | None = Field(None, description="Calls at once, before `requests_per_s` counts.")
    cdn_url: Annotated[str, Field(pattern=r"^https?://[^\s?#]+$", max_length=512)] | None = Field(
        None, description="Outputs are linked below this URL instead of signed by the storage."
    )
    retention_s: Count | None = Field(
        None, description="Its tasks go with their files so long after their end; the node's own retention when null."
    )
    retention_succeeded_s: Count | None = Field(None, description="Of those that succeeded; `retention_s` when null.")
    retention_failed_s: Count | None = Field(None, description="Of those that failed; `retention_s` when null.")
    retention_canceled_s: Count | None = Field(None, description="Of those canceled; `retention_s` when null.")
    pool: Annotated[str, Field(pattern=rf"^{POOL.pattern}$", examples=["film-a"])] | None = Field(
        None, description="Its tasks go to the workers of the lanes `<lane>@<pool>` alone, those that wait as well."
    )


class ProjectBody(ContentBody, Limits):
    """A new project."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"slug": "film-a", "weight": 3, "max_running": 8}]})

    slug: Slug = Field(description="Its name, for ever: part of every object's key.")


class ProjectChange(ContentBody, Limits):
    """What to change: fields that are absent stay, null puts one back to its default."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"weight": 3, "max_running": None}]})


class ProjectView(ContentView):
    """A project. Null is no limit."""

    slug: str
    weight: float
    max_running: int | None
    max_queued: int | None
    gpu_s_per_hour: float | None
    max_bytes: int | None
    requests_per_s: float | None
    burst: int | None
    cdn_url: str | None
    pool: str | None
    retention_s: int | None
    retention_succeeded_s: int | None
    retention_failed_s: int | None
    retention_canceled_s: int | None
    paused: bool
    created_at: Time


class ProjectList(BaseModel):
    """In the order of their slugs. `next` is the `cursor` of the next page."""

    items: list[ProjectView]
    next: str | None


class PageQuery(Request):
    """Which page of a list."""

    limit: int = Field(50, ge=1, le=100, description="The size of a page.")
    cursor: PageCursor | None = Field(None, description="`next` of the page before.")


class KeyQuery(Request):
    """Whose keys to list."""

    project: Slug = Field(description="The project.")


class KeyBody(Request):
    """A new key."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"project": "film-a", "scopes": ["tasks:write"], "name": "render farm", "expires_in_s": 7776000}
            ]
        }
    )

    project: Slug = Field(description="Made with the defaults if there is none.")
    scopes: Annotated[frozenset[Scope], Field(min_length=1)] = Field(
        description="What it may do; `tasks:write` includes `tasks:read`."
    )
    name: KeyName | None = Field(
        None, description="Its purpose, of which two may be live at once; named by its scopes when absent."
    )
    expires_in_s: Annotated[float, Field(strict=True, ge=60, le=TEN_YEARS_S)] | None = Field(
        None, description="Never when absent."
    )


KEY_EXAMPLE: JsonDict = {
    "id": "key_01m82wee72bfd54k32vk1sb59e",
    "key": "orch_key_01m8…_3f9c…",
    "project": "film-a",
    "name": "render farm",
    "scopes": ["tasks:write"],
    "live": True,
    "created_at": "2026-11-23T00:21:12.041Z",
    "expires_at": "2027-02-21T00:21:12.041Z",
    "last_used_at": None,
    "revoked_at": None,
}


class KeyView(BaseModel):
    """A key, without its text."""

    id: str
    project: str
    name: str
    scopes: list[Scope]
    live: bool = Field(description="Neither revoked nor expired.")
    created_at: Time
    expires_at: Time | None
    last_used_at: Time | None = Field(description="To the minute.")
    revoked_at: Time | None


class NewKeyView(KeyView):
    """A new key. `key` is shown here and never again."""

    model_config = ConfigDict(json_schema_extra={"examples": [KEY_EXAMPLE]})

    key: str


class KeyList(BaseModel):
    """Oldest first; a key that died is listed for 30 days."""

    items: list[KeyView]
