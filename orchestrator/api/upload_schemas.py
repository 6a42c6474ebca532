"""The shapes of uploads: what clients send, and what they are answered."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from orchestrator.api.bodies import MimeType, Request


class PartsBody(Request):
    """Parts to send now: ask for a few at a time, their URLs expire."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"numbers": [1, 2, 3, 4]}]})

    numbers: Annotated[
        list[Annotated[int, Field(strict=True, ge=1, le=10_000)]], Field(min_length=1, max_length=100)
    ] = Field(description="Numbers begin at 1.")


class UploadBody(Request):
    """A file to upload."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"filename": "still.png", "content_type": "image/png", "size_bytes": 482113}]}
    )

    filename: Annotated[str, Field(min_length=1, max_length=255)] = Field(description="Only its plain characters stay.")
    content_type: MimeType = Field(description="Sent again with the PUT.")
    size_bytes: int = Field(strict=True, ge=1, le=2**53, description="The exact size of the file.")


class UploadView(BaseModel):
    """In one piece: PUT the file to `url` with `headers`, then submit `object`. Else `url` is null and it has parts."""

    id: str
    object: str
    url: str | None
    headers: dict[str, str]
    expires_at: datetime = Field(description="Of `url`; of the whole upload when it has parts.")
    part_size_bytes: int | None = Field(description="The size of every part but the last.")
    part_count: int | None


class PartUrlView(BaseModel):
    """PUT exactly `size_bytes` of the file to `url` with `headers`."""

    number: int
    size_bytes: int
    url: str
    headers: dict[str, str]
    expires_at: datetime


class PartUrlList(BaseModel):
    """In the order in which they were asked for."""

    items: list[PartUrlView]


class PartView(BaseModel):
    """A part that has arrived."""

    number: int
    size_bytes: int
    etag: str


class UploadStateView(BaseModel):
    """How far an upload has come. `parts` is empty when it has none, and when it is complete."""

    id: str
    object: str
    is_complete: bool
    content_type: str
    size_bytes: int
    etag: str | None = Field(description="Of the object, once it is complete.")
    expires_at: datetime = Field(description="Until then it can be continued.")
    part_size_bytes: int | None
    part_count: int | None
    parts: list[PartView]
