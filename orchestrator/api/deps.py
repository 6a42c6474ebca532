"""What every route may ask for: the parts of the application, and the project that is calling.

These are `async` because they touch nothing: a sync dependency would cost a trip to the thread pool each.
"""

import hmac
from collections.abc import Mapping
from typing import Annotated

import structlog
from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from orchestrator.domain.errors import Unauthorized
from orchestrator.domain.project import Project
from orchestrator.wiring.api_parts import ApiParts

bearer = HTTPBearer(auto_error=False, description="The API key of a project.")


async def parts_of(request: Request) -> ApiParts:
    parts: ApiParts = request.app.state.parts
    return parts


Parts = Annotated[ApiParts, Depends(parts_of)]


async def calling_project(
    parts: Parts, credentials: Annotated[HTTPAuthorizationCredentials | None, Security(bearer)]
) -> Project:
    project = find_project(parts.api_keys, credentials.credentials if credentials else "")
    structlog.contextvars.bind_contextvars(project=project.slug)
    return project


Caller = Annotated[Project, Depends(calling_project)]


def find_project(api_keys: Mapping[str, str], given: str) -> Project:
    """The project whose key was ``given``. Takes as long for a wrong key as for a right one.

    Raises:
        Unauthorized: it is nobody's key.
    """
    matches = [slug for slug, key in api_keys.items() if hmac.compare_digest(key.encode(), given.encode())]
    if not given or not matches:
        raise Unauthorized
    return Project(matches[0])
