"""`orchestrator estimate`: what would become of a task, before anything is uploaded."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from orchestrator.cli.session import Session, with_session
from orchestrator.cli.submit import ParamOption, TypeArgument, parse_params
from orchestrator.cli.tables import waits_for
from orchestrator.client import Estimate

FileArgument = Annotated[Path | None, typer.Argument(exists=True, dir_okay=False, help="The media to work on.")]


@with_session
def estimate(
    session: Session,
    type: TypeArgument,  # noqa: A002 - shown as TYPE
    file: FileArgument = None,
    *,
    param: ParamOption = None,
) -> None:
    """Would it be accepted, what would it cost, and when would it start? Status 1 if it would be refused."""
    found = session.client.estimate(type, file, **parse_params(param or ()))
    session.show(estimate_table(found), found.raw)
    if found.refusal:
        raise typer.Exit(1)


def estimate_table(found: Estimate) -> Table:
    """A row a fact."""
    table = Table(show_header=False)
    refusal = found.refusal
    table.add_row(
        "accepted", f"[bold red]no[/bold red]: {escape(refusal.message)} ({refusal.code})" if refusal else "yes"
    )
    if found.predicted_s is not None:
        table.add_row("cost", f"{found.predicted_s:,.3g} s" + (f", by {found.runs} runs" if found.runs else ""))
    if found.queue is not None:
        table.add_row("ahead in the queue", str(found.queue.position))
        table.add_row("starts in about", "nobody knows" if found.queue.eta_s is None else f"{found.queue.eta_s:,.0f} s")
        if reasons := waits_for(found.queue):
            table.add_row("waits for", escape(reasons))
    return table
