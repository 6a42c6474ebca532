"""`orchestrator breakers`: what the node depends on and is away."""

from collections.abc import Iterable
from datetime import datetime

import typer
from rich.markup import escape
from rich.table import Table

from orchestrator.cli.session import Session, with_session
from orchestrator.client.breakers import Breaker


@with_session
def breakers(session: Session) -> None:
    """What is away: since when, why, and when it is asked again. What needs it waits; an empty list is good news."""
    found = session.client.breakers.list()
    session.show(breakers_table(found), [breaker.raw for breaker in found])
    if not found:
        typer.echo("nothing is away", err=True)


def breakers_table(found: Iterable[Breaker]) -> Table:
    """A breaker a line."""
    table = Table("away", "state", "reason", "since", "asked again", box=None, padding=(0, 1, 0, 0))
    for breaker in found:
        reason = f"[bold red]{breaker.reason}[/bold red]" if breaker.reason == "denied" else breaker.reason
        state = breaker.state.replace("_", " ")
        table.add_row(escape(breaker.dependency), state, reason, _time(breaker.since), _time(breaker.retry_at))
    return table


def _time(at: datetime) -> str:
    return at.astimezone().strftime("%m-%d %H:%M:%S")
