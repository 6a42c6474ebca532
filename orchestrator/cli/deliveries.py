"""`orchestrator deliveries`: whom a task has told what became of it, and to tell it again."""

from collections.abc import Iterable
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from orchestrator.cli.session import Session, with_session
from orchestrator.client.deliveries import Delivery

TaskArgument = Annotated[str, typer.Argument(metavar="TASK", help="The task's id.")]
DestinationOption = Annotated[str | None, typer.Option("--to", metavar="DESTINATION", help="Only this one.")]
COLOURS = {"delivered": "green", "pending": "yellow", "failed": "red"}


@with_session
def list_deliveries(session: Session, task_id: TaskArgument) -> None:
    """Whom the task tells, how far that has come, and what was answered last."""
    _show(session, session.client.deliveries.list(task_id))


@with_session
def redeliver(session: Session, task_id: TaskArgument, *, to: DestinationOption = None) -> None:
    """Try again at once; a destination that knows everything is told the last event again."""
    _show(session, session.client.deliveries.redeliver(task_id, destination=to))


def deliveries_table(found: Iterable[Delivery]) -> Table:
    """A delivery a line."""
    table = Table("destination", "status", "told", "tries", "next try", "last answer", box=None, padding=(0, 1, 0, 0))
    table.columns[0].no_wrap, table.columns[-1].overflow = True, "fold"
    for delivery in found:
        colour, last = COLOURS.get(delivery.status, "white"), delivery.last_answer
        table.add_row(
            escape(delivery.destination),
            f"[{colour}]{delivery.status}[/{colour}]",
            delivery.told_up_to,
            str(delivery.tries),
            delivery.next_try_at.astimezone().strftime("%m-%d %H:%M:%S") if delivery.next_try_at else "",
            escape(f"{last.code}: {last.message}") if last else "",
        )
    return table


def build_deliveries() -> typer.Typer:
    """The group of commands."""
    group = typer.Typer(help="What webhooks and PayloadCMS were told of a task.", no_args_is_help=True)
    group.command("list")(list_deliveries)
    group.command()(redeliver)
    return group


def _show(session: Session, found: tuple[Delivery, ...]) -> None:
    session.show(deliveries_table(found), [delivery.raw for delivery in found])
