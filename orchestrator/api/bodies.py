"""What all bodies have in common, and the one that names the media of a task."""

from base64 import b64decode
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from orchestrator.domain.content import DocumentRef
from orchestrator.domain.media_input import GivenInput

INLINE_BYTES = 256 * 1000
INLINE_DIGITS = -(-INLINE_BYTES // 3) * 4
MIME_TYPE = r"^[a-z0-9][a-z0-9!#$&^_.+-]{0,63}/[a-z0-9][a-z0-9!#$&^_.+-]{0,63}$"

MimeType = Annotated[str, Field(pattern=MIME_TYPE)]
Collection = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


class Request(BaseModel):
    """Base of what clients send: a misspelt field is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class InlineBody(Request):
    """A small file, sent with the task."""

    base64: Annotated[str, Field(min_length=4, max_length=INLINE_DIGITS, pattern=r"^[A-Za-z0-9+/]+={0,2}$")] = Field(
        description=f"The file: at most {INLINE_BYTES} bytes, as standard base64 with padding."
    )
    content_type: MimeType | None = Field(None, description="What the file itself says, when absent.")

    @property
    def content(self) -> bytes:
        return b64decode(self.base64, validate=True)

    @field_validator("base64")
    @classmethod
    def _decodable(cls, text: str) -> str:
        if len(b64decode(text, validate=True)) > INLINE_BYTES:  # its own error is a ValueError, too
            raise ValueError(f"must hold at most {INLINE_BYTES} bytes")
        return text


class DocumentBody(Request):
    """A document of PayloadCMS that has a file."""

    collection: Collection = Field(description="The project's collection of files, or of links.")
    id: Annotated[int, Field(strict=True, ge=0, le=2**53)] | Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


class InputBody(Request):
    """The media to work on: exactly one of `object`, `url`, `inline` and `payload`."""

    object: Annotated[str, Field(min_length=1, max_length=1000)] | None = Field(
        None, description="Key of an object in the project's storage, as `POST /v1/uploads` answered it."
    )
    url: Annotated[str, Field(min_length=1, max_length=2048)] | None = Field(
        None, description="A public https address, fetched when the task runs. Its query is never shown again."
    )
    inline: InlineBody | None = Field(None, description="The file itself, if it is small.")
    payload: DocumentBody | None = Field(
        None, description="A file in PayloadCMS, for projects whose tasks are shown there."
    )
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = Field(
        None, description="What the bytes must be: the task fails with `input_changed` if they are others."
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if sum(source is not None for source in (self.object, self.url, self.inline, self.payload)) != 1:
            raise ValueError("must have exactly one of object, url, inline and payload")
        return self

    def parse(self) -> GivenInput:
        inline = self.inline
        return GivenInput(
            object=self.object,
            url=self.url,
            content=inline.content if inline else None,
            content_type=inline.content_type if inline else None,
            document=DocumentRef(self.payload.collection, self.payload.id) if self.payload else None,
            sha256=self.sha256,
        )
