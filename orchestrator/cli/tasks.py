"""`orchestrator tasks`: list, show, change and delete the project's tasks, and the rest of the group."""

from itertools import islice
from typing import Annotated

import typer

from orchestrator.cli.many import cancel, reprioritize, retry
from orchestrator.cli.pauses import pause_own, resume_own
from orchestrator.cli.session import Session, with_session
from orchestrator.cli.submit import ExpiresOption, parse_labels
from orchestrator.cli.tables import task_table, tasks_table

IdArgument = Annotated[str, typer.Argument(metavar="ID", help="The task's id.")]
PAGE_SIZE = 100


@with_session
def list_tasks(
    session: Session,
    *,
    status: Annotated[str | None, typer.Option(help="queued, running, succeeded, failed or canceled.")] = None,
    type: Annotated[str | None, typer.Option(help="Only this task type.")] = None,  # noqa: A002 - shown as --type
    limit: Annotated[int, typer.Option(min=1, help="Show at most so many.")] = 20,
) -> None:
    """The newest tasks."""
    found = session.client.list(status=status, type=type, page_size=min(limit, PAGE_SIZE))
    tasks = list(islice(found, limit))
    session.show(tasks_table(tasks), [task.raw for task in tasks])


@with_session
def show(session: Session, task_id: IdArgument) -> None:
    """Everything about one task."""
    task = session.client.get(task_id)
    session.show(task_table(task), task.raw)


@with_session
def change(
    session: Session,
    task_id: IdArgument,
    *,
    priority: Annotated[str | None, typer.Option(help="low, normal or high.")] = None,
    label: Annotated[list[str] | None, typer.Option("--label", metavar="K=V", help="Replaces all labels.")] = None,
    expires_at: ExpiresOption = None,
) -> None:
    """Change the priority or the labels of a queued task, or when any task goes with its files."""
    labels = None if label is None else parse_labels(label)
    task = session.client.change(
        task_id, priority=priority, labels=labels, expires_at=expires_at and expires_at.astimezone()
    )
    session.show(task_table(task), task.raw)


@with_session
def delete(session: Session, task_id: IdArgument) -> None:
    """Cancel a task and forget it, with its files."""
    session.client.delete(task_id)
    session.show(tasks_table([]), {})


def build_tasks() -> typer.Typer:
    """The group of commands."""
    group = typer.Typer(help="List, show, change, cancel, retry and delete tasks.", no_args_is_help=True)
    group.command("list")(list_tasks)
    group.command()(show)
    group.command()(cancel)
    group.command()(retry)
    group.command()(reprioritize)
    group.command()(change)
    group.command()(delete)
    group.command("pause")(pause_own)
    group.command("resume")(resume_own)
    return group
