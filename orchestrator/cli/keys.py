"""`orchestrator keys`: make, list and revoke API keys."""

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from orchestrator.cli.session import Session, with_session
from orchestrator.client import ApiKey

DAY_S = 86_400
ProjectOption = Annotated[str, typer.Option("--project", help="The project that the key is for; made if it is new.")]
ScopeOption = Annotated[
    list[str],
    typer.Option(
        "--scope", help="tasks:read, tasks:write, models:admin, projects:admin or metrics:read; again for more."
    ),
]
NameOption = Annotated[str | None, typer.Option(help="Its purpose; two keys of one name may be live.")]
DaysOption = Annotated[float | None, typer.Option("--expires-days", min=0.001, help="It ends after so many days.")]


@with_session
def create(
    session: Session, *, project: ProjectOption, scope: ScopeOption, name: NameOption = None, days: DaysOption = None
) -> None:
    """Make a key. It is shown once."""
    expires_in_s = None if days is None else days * DAY_S
    made = session.client.keys.create(project, scope, name=name, expires_in_s=expires_in_s)
    session.show(keys_table([made.key]), made.key.raw)
    if not session.as_json:
        typer.echo(made.text)
        typer.echo("Keep it: it is not shown again.", err=True)


@with_session
def list_keys(session: Session, *, project: Annotated[str, typer.Option("--project", help="Whose keys.")]) -> None:
    """The keys of a project."""
    keys = session.client.keys.list(project)
    session.show(keys_table(keys), [key.raw for key in keys])


@with_session
def revoke(session: Session, key_id: Annotated[str, typer.Argument(metavar="ID", help="The key's id.")]) -> None:
    """End a key for ever, within five seconds."""
    key = session.client.keys.revoke(key_id)
    session.show(keys_table([key]), key.raw)


def keys_table(keys: list[ApiKey] | tuple[ApiKey, ...]) -> Table:
    """A key a line, never its text."""
    table = Table("id", "name", "scopes", "live", "last used", box=None, padding=(0, 1, 0, 0))
    table.columns[0].no_wrap = True
    for key in keys:
        used = key.last_used_at.astimezone().strftime("%m-%d %H:%M") if key.last_used_at else "never"
        live = "[green]yes[/green]" if key.is_live else "[red]no[/red]"
        table.add_row(key.id, escape(key.name), " ".join(key.scopes), live, used)
    return table


def build_keys() -> typer.Typer:
    """The group of commands."""
    group = typer.Typer(help="Make, list and revoke API keys.", no_args_is_help=True)
    group.command()(create)
    group.command("list")(list_keys)
    group.command()(revoke)
    return group
