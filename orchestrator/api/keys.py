"""`/v1/keys`: make, list and revoke API keys."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query

from orchestrator.api.admin_shapes import KeyBody, KeyList, KeyQuery, KeyView, NewKeyView
from orchestrator.api.deps import Parts, ProjectAdmin
from orchestrator.api.problems import OF_ONE_THING, SUBMITS, problem_docs
from orchestrator.api.times import time_or_none
from orchestrator.domain.api_key import ApiKey
from orchestrator.domain.project import Project
from orchestrator.services.projects.create_key import KeyRequest

router = APIRouter(prefix="/v1/keys", tags=["keys"])

KeyId = Annotated[str, Path(pattern=r"^key_[0-9a-z]{26}$", examples=["key_01m82wee72bfd54k32vk1sb59e"])]


@router.post("", status_code=HTTPStatus.CREATED, responses=problem_docs(SUBMITS))
def create_key(caller: ProjectAdmin, body: KeyBody, parts: Parts) -> NewKeyView:
    """Make a key. Its text is in this answer and nowhere else: nobody can show it again."""
    asked = KeyRequest(Project(body.project), body.scopes, name=body.name, expires_in_s=body.expires_in_s)
    created = parts.create_key.create(caller, asked)
    return NewKeyView(**_facts(created.key), key=created.text)


@router.get("", responses=problem_docs(OF_ONE_THING))
def list_keys(_: ProjectAdmin, parts: Parts, asked: Annotated[KeyQuery, Query()]) -> KeyList:
    """The keys of a project."""
    return KeyList(items=[KeyView(**_facts(key)) for key in parts.keys.list(asked.project)])


@router.delete("/{key_id}", responses=problem_docs(OF_ONE_THING))
def revoke_key(_: ProjectAdmin, key_id: KeyId, parts: Parts) -> KeyView:
    """End a key for ever, on every process of the API within five seconds. Again is harmless."""
    return KeyView(**_facts(parts.keys.revoke(key_id)))


def _facts(key: ApiKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "project": key.project,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "live": key.is_live,
        "created_at": time_or_none(key.created_at_ms),
        "expires_at": time_or_none(key.expires_at_ms),
        "last_used_at": time_or_none(key.last_used_at_ms),
        "revoked_at": time_or_none(key.revoked_at_ms),
    }
