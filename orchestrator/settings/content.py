"""The content system in which projects see their tasks."""

from datetime import timedelta

from pydantic import Field, SecretStr

from orchestrator.settings.section import Section


class PayloadSettings(Section):
    """PayloadCMS, for the projects that have a `payload_collection`. The API and the workers must be told the same."""

    url: str = Field("", description="Its address without the path of the API; there is none when empty.")
    api_path: str = Field("/api", description="The path of its REST API (`routes.api`).")
    key_collection: str = Field("users", description="Slug of the collection of users with API keys, case and all.")
    api_key: SecretStr = Field(SecretStr(""), description="The key of the user that this node is there.")
    timeout: timedelta = Field(timedelta(seconds=15), gt=timedelta(0), description="It may be silent for so long.")
    file_bytes: int = Field(
        20 * 1024**2, ge=0, description="The largest file that it takes (`upload.limits.fileSize`); larger are linked."
    )
