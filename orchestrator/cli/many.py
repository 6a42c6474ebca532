"""`orchestrator tasks cancel`, `retry` and `reprioritize`: one task by its id, or all that fit a filter."""

import functools
import inspect
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import datetime
from itertools import chain
from typing import Annotated, Any

import typer
from rich.table import Table

from orchestrator.cli.session import Session, with_session
from orchestrator.cli.submit import parse_labels
from orchestrator.cli.tables import task_table
from orchestrator.client.many import Changed, Filter

IdArgument = Annotated[str | None, typer.Argument(metavar="ID", help="The task's id; or else a filter.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Only count, and show the first ids.")]
AllOption = Annotated[bool, typer.Option("--all", help="Every task; needed where no filter is given.")]
ProjectOption = Annotated[str | None, typer.Option("--project", help="Another project (scope projects:admin).")]
StatusOption = Annotated[str | None, typer.Option(help="queued, running, succeeded, failed or canceled.")]
TypeOption = Annotated[str | None, typer.Option("--type", help="Only this task type.")]
LabelOption = Annotated[list[str] | None, typer.Option("--label", metavar="K=V", help="Only with it; again for more.")]
TimeOption = Annotated[datetime | None, typer.Option(help="Time of the submit, in this machine's zone.")]
GenerationOption = Annotated[int | None, typer.Option(min=1, help="The generation that you saw fail.")]
FromStageOption = Annotated[str | None, typer.Option(help="fetch, infer or store; else the stage that failed.")]
PriorityOption = Annotated[str, typer.Option(help="low, normal or high.")]
IDS_IN_A_TABLE = 3


def read_filter(
    *,
    status: StatusOption = None,
    task_type: TypeOption = None,
    label: LabelOption = None,
    created_after: TimeOption = None,
    created_before: TimeOption = None,
    project: ProjectOption = None,
) -> Filter:
    """The filter of the options."""
    return Filter(
        status=status,
        type=task_type,
        labels=parse_labels(label or ()),
        created_after=created_after and created_after.astimezone(),
        created_before=created_before and created_before.astimezone(),
        project=project,
    )


def read_again(*, generation: GenerationOption = None, from_stage: FromStageOption = None) -> dict[str, Any]:
    """How one task is retried, for `Client.retry`."""
    return {"generation": generation, "from_stage": from_stage}


def with_options(**readers: Callable[..., Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options of each reader; what it makes of them comes under the reader's name instead."""
    options = {name: list(inspect.signature(read).parameters.values()) for name, read in readers.items()}

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = [each for each in inspect.signature(command).parameters.values() if each.name not in readers]

        @functools.wraps(command)
        def run(session: Session, **given: Any) -> None:  # noqa: ANN401 - whatever the options are
            chosen = {name: {each.name: given.pop(each.name) for each in options[name]} for name in readers}
            command(session, **{name: readers[name](**chosen[name]) for name in readers}, **given)

        vars(run)["__signature__"] = inspect.Signature([*own, *chain(*options.values())])
        return run

    return decorate


@with_session
@with_options(where=read_filter)
def cancel(
    session: Session,
    *,
    where: Filter,
    task_id: IdArgument = None,
    every: AllOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """End queued tasks, stop running ones."""
    if task_id is None:
        return _show(session, session.client.many.cancel(replace(where, all=every), dry_run=dry_run))
    task = session.client.cancel(_alone(task_id, where, is_all=every or dry_run))
    return session.show(task_table(task), task.raw)


@with_session
@with_options(where=read_filter, again=read_again)
def retry(
    session: Session,
    *,
    where: Filter,
    again: dict[str, Any],
    task_id: IdArgument = None,
    every: AllOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Queue failed or canceled tasks again."""
    if task_id is None:
        return _show(session, session.client.many.retry(replace(where, all=every), dry_run=dry_run))
    task = session.client.retry(_alone(task_id, where, is_all=every or dry_run), **again)
    return session.show(task_table(task), task.raw)


@with_session
@with_options(where=read_filter)
def reprioritize(
    session: Session,
    *,
    where: Filter,
    priority: PriorityOption,
    every: AllOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Give queued tasks another priority."""
    _show(session, session.client.many.reprioritize(replace(where, all=every), priority, dry_run=dry_run))


def _alone(task_id: str, where: Filter, *, is_all: bool) -> str:
    if where != Filter() or is_all:
        raise typer.BadParameter("an ID takes no filter beside it")
    return task_id


def _show(session: Session, changed: Changed) -> None:
    table = Table("matched", "outcomes", "such as", box=None, padding=(0, 1, 0, 0))
    outcomes = ", ".join(f"{count} {outcome}" for outcome, count in sorted(changed.outcomes.items()))
    table.add_row(str(changed.matched), outcomes, " ".join(changed.ids[:IDS_IN_A_TABLE]))
    session.show(table, asdict(changed))
