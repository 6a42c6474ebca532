"""`orchestrator projects`: list them, and set what each may use."""

from collections.abc import Iterable
from typing import Annotated

import typer
from rich.table import Table

from orchestrator.cli.session import Session, with_session
from orchestrator.cli.submit import parse_params
from orchestrator.client import ApiError, Project

SlugArgument = Annotated[str, typer.Argument(metavar="PROJECT", help="The project's slug; made if it is new.")]
LimitArguments = Annotated[
    list[str],
    typer.Argument(metavar="LIMIT=VALUE...", help="weight=3, max_running=8, pool=film-a, …; null takes one away."),
]


@with_session
def list_projects(session: Session) -> None:
    """Every project, with its weight and its limits."""
    projects = list(session.client.projects.list())
    session.show(projects_table(projects), [project.raw for project in projects])


@with_session
def set_limits(session: Session, project: SlugArgument, limits: LimitArguments) -> None:
    """Set what a project may use; what is not named stays."""
    wanted = parse_params(limits, hint="LIMIT=VALUE")
    try:
        changed = session.client.projects.change(project, **wanted)
    except ApiError as error:
        if error.code != "project_not_found":
            raise
        changed = session.client.projects.create(project, **wanted)
    session.show(projects_table([changed]), changed.raw)


def projects_table(projects: Iterable[Project]) -> Table:
    """A project a line."""
    table = Table("project", "weight", "pool", "limits", box=None, padding=(0, 1, 0, 0))
    for project in projects:
        limits = (f"{name}={value}" for name, value in project.limits.items() if value not in (None, {}))
        table.add_row(project.slug, f"{project.weight:g}", project.pool or "", " ".join(limits))
    return table


def build_projects() -> typer.Typer:
    """The group of commands."""
    group = typer.Typer(help="List projects and set what each may use.", no_args_is_help=True)
    group.command("list")(list_projects)
    group.command("set")(set_limits)
    return group
