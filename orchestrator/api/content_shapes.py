"""The shapes of what a project says of its documents in PayloadCMS."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, Field, model_serializer

from orchestrator.api.bodies import Collection, Request
from orchestrator.domain.content import OnDelete, Outputs

FieldName = Annotated[str, Field(pattern=r"^([A-Za-z_][A-Za-z0-9_]{0,63})?$")]


class PayloadFields(Request):
    """Other names of the fields than the usual ones (`docs/http.md`); one named by an empty text is not written."""

    external_id: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")] | None = None
    status: FieldName | None = None
    type: FieldName | None = None
    params: FieldName | None = None
    progress: FieldName | None = None
    result: FieldName | None = None
    error: FieldName | None = None
    outputs: FieldName | None = None
    links: FieldName | None = None
    started_at: FieldName | None = None
    completed_at: FieldName | None = None
    generation: FieldName | None = None
    seq: FieldName | None = None
    epoch: FieldName | None = None

    @model_serializer
    def _given(self) -> dict[str, str]:
        return {name: given for name, given in vars(self).items() if given is not None}


class ContentBody(Request):
    """Where PayloadCMS shows the project's tasks."""

    payload_collection: Collection | None = Field(
        None, description="Every task is a document of this collection in PayloadCMS; of none when null."
    )
    payload_files: Collection | None = Field(None, description="The collection that holds files; `media` when null.")
    payload_links: Collection | None = Field(
        None, description="The collection of documents with the URL of a file; `assets` when null."
    )
    payload_outputs: Outputs | None = Field(
        None, description="As what outputs are shown there; when null `link` with a `cdn_url`, and `file` without."
    )
    payload_on_delete: OnDelete | None = Field(
        None,
        description="With `unlink` the document of a deleted task keeps its status and shows no result and no outputs "
        "any more; the files of those stay in the CMS. `keep` when null.",
    )
    payload_fields: PayloadFields | None = Field(None, description="Its own names of the documents' fields.")


class ContentView(BaseModel):
    """The same, as it is."""

    payload_collection: str | None
    payload_files: str | None
    payload_links: str | None
    payload_outputs: Outputs | None
    payload_on_delete: OnDelete | None
    payload_fields: Mapping[str, str]
