"""`/v1/projects`: the tenants of this node and what each may use."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from orchestrator.api.admin_shapes import (
    PageQuery,
    ProjectBody,
    ProjectChange,
    ProjectList,
    ProjectView,
    Slug,
)
from orchestrator.api.deps import Parts, ProjectAdmin
from orchestrator.api.problems import AUTHENTICATED, OF_ONE_THING, SUBMITS, WITH_BODY, problem_docs
from orchestrator.api.times import time_of
from orchestrator.domain.project import Project

router = APIRouter(prefix="/v1/projects", tags=["projects"])

InPath = Annotated[Slug, Path()]


@router.post("", status_code=HTTPStatus.CREATED, responses=problem_docs(SUBMITS))
def create_project(_: ProjectAdmin, body: ProjectBody, parts: Parts, response: Response) -> ProjectView:
    """Make a project."""
    project = parts.projects.create(Project(**body.model_dump(exclude_none=True)))
    response.headers["Location"] = f"/v1/projects/{project.slug}"
    return render_project(project)


@router.get("", responses=problem_docs(AUTHENTICATED))
def list_projects(_: ProjectAdmin, parts: Parts, asked: Annotated[PageQuery, Query()]) -> ProjectList:
    """Every project."""
    page = parts.projects.list(limit=asked.limit, cursor=asked.cursor)
    return ProjectList(items=[render_project(project) for project in page.items], next=page.next)


@router.get("/{slug}", responses=problem_docs(OF_ONE_THING))
def get_project(_: ProjectAdmin, slug: InPath, parts: Parts) -> ProjectView:
    """One project."""
    return render_project(parts.projects.get(slug))


@router.patch("/{slug}", responses=problem_docs((*WITH_BODY, HTTPStatus.NOT_FOUND)))
def change_project(_: ProjectAdmin, slug: InPath, body: ProjectChange, parts: Parts) -> ProjectView:
    """Change what a project may use: from the next claim on, and within 4 s for calls at other processes of the API."""
    return render_project(parts.projects.change(slug, body.model_dump(exclude_unset=True)))


def render_project(project: Project) -> ProjectView:
    return ProjectView(
        slug=project.slug,
        weight=project.weight,
        max_running=project.max_running,
        max_queued=project.max_queued,
        gpu_s_per_hour=project.gpu_s_per_hour,
        max_bytes=project.max_bytes,
        requests_per_s=project.requests_per_s,
        burst=project.burst,
        cdn_url=project.cdn_url,
        pool=project.pool,
        retention_s=project.retention_s,
        retention_succeeded_s=project.retention_succeeded_s,
        retention_failed_s=project.retention_failed_s,
        retention_canceled_s=project.retention_canceled_s,
        payload_collection=project.payload_collection,
        payload_files=project.payload_files,
        payload_links=project.payload_links,
        payload_outputs=project.payload_outputs,
        payload_on_delete=project.payload_on_delete,
        payload_fields=project.payload_fields,
        paused=project.paused,
        created_at=time_of(project.created_at_ms or 0),
    )
