"""`/v1/receipts/keys`: what receipts are checked with."""

from fastapi import APIRouter
from pydantic import BaseModel, Field

from orchestrator.api.deps import Parts, TaskReader
from orchestrator.api.problems import AUTHENTICATED, problem_docs

router = APIRouter(prefix="/v1/receipts", tags=["receipts"])


class PublicKeyView(BaseModel):
    """A key that signs or has signed receipts; `value` is in base64."""

    key_id: str
    algorithm: str
    value: str


class PublicKeyList(BaseModel):
    """The key that signs now comes first."""

    items: list[PublicKeyView] = Field(description="Empty where receipts are not signed.")


@router.get("/keys", responses=problem_docs(AUTHENTICATED))
def list_receipt_keys(_: TaskReader, parts: Parts) -> PublicKeyList:
    """The public keys of this service. Fetch them once, and over a connection that you trust."""
    return PublicKeyList(
        items=[PublicKeyView(key_id=key.key_id, algorithm=key.algorithm, value=key.value) for key in parts.receipt_keys]
    )
