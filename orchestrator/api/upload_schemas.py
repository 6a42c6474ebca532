"""The shapes of answers about uploads. `uploads.py` fills them in."""

from datetime import datetime

from pydantic import BaseModel, Field


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
