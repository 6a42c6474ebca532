"""The secrets of one stack: made at its first start, the same ever after."""

import secrets
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from orchestrator.local.part import StackError
from orchestrator.local.private_file import write_private


def _new_secret() -> str:
    return secrets.token_hex(24)  # letters and digits only: Triton takes its own inside a flag


def _new_seed() -> str:
    return secrets.token_hex(32)


class Credentials(BaseModel):
    """Who may do what in the stack."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    api_key: str = Field(default_factory=_new_secret)
    key_pepper: str = Field(default_factory=_new_secret)
    s3_access_key_id: str = Field(default_factory=_new_secret)
    s3_secret_access_key: str = Field(default_factory=_new_secret)
    triton_control_key: str = Field(default_factory=_new_secret)
    receipt_key: str = Field(default_factory=_new_seed)
    payload_secret: str = Field(default_factory=_new_secret)
    payload_api_key: str = Field(default_factory=_new_secret)


def load_credentials(path: Path) -> Credentials:
    """The credentials in ``path``; what is not there yet is made and written there.

    Raises:
        StackError: the file is damaged.
    """
    try:
        credentials = Credentials.model_validate_json(path.read_bytes()) if path.exists() else Credentials()
    except ValidationError as error:
        raise StackError(f"{path} is damaged; the stack cannot open its data without it") from error
    if credentials.model_fields_set != set(Credentials.model_fields):  # a new folder, or one of an older version
        write_private(path, credentials.model_dump_json(indent=2))
    return credentials
