"""`orchestrator webhooks`: whom the project wants told of its tasks, and what signs what they are told."""

from collections.abc import Iterable
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from orchestrator.cli.session import Session, with_session
from orchestrator.client.webhooks import Ping, SigningSecret, Webhook

AddressArgument = Annotated[str, typer.Argument(metavar="ADDRESS", help="A public https address.")]
IdArgument = Annotated[str, typer.Argument(metavar="ID", help="The id of an endpoint, whk_…")]
EventOption = Annotated[
    list[str] | None,
    typer.Option("--event", help="task.queued, .running, .succeeded, .failed, .canceled or .progress; again for more."),
]
DescriptionOption = Annotated[str | None, typer.Option(help="What it is for.")]
NewUrlOption = Annotated[str | None, typer.Option("--to", metavar="URL", help="Another address.")]
EnabledOption = Annotated[bool | None, typer.Option("--enable/--disable", help="Whether anything is sent to it.")]
OverlapOption = Annotated[
    float | None, typer.Option("--overlap-s", min=0, help="The old secret signs for so long; 0 ends one that leaked.")
]


@with_session
def create(
    session: Session, address: AddressArgument, *, event: EventOption = None, description: DescriptionOption = None
) -> None:
    """Register an endpoint and ping it. Its secret is shown once."""
    made = session.client.webhooks.create(address, events=event or (), description=description or "")
    session.show(webhooks_table([made.webhook]), made.webhook.raw)
    if not session.as_json:
        _say_ping(made.ping)
        typer.echo(made.secret)
        typer.echo("Keep it: it is not shown again.", err=True)


@with_session
def list_webhooks(session: Session) -> None:
    """The project's endpoints."""
    found = session.client.webhooks.list()
    session.show(webhooks_table(found), [webhook.raw for webhook in found])


@with_session
def change(
    session: Session,
    webhook_id: IdArgument,
    *,
    to: NewUrlOption = None,
    event: EventOption = None,
    description: DescriptionOption = None,
    enabled: EnabledOption = None,
) -> None:
    """Change an endpoint; what is not given stays."""
    webhooks = session.client.webhooks
    changed = webhooks.change(webhook_id, url=to, events=event or None, description=description, enabled=enabled)
    session.show(webhooks_table([changed]), changed.raw)


@with_session
def delete(session: Session, webhook_id: IdArgument) -> None:
    """Forget an endpoint."""
    session.client.webhooks.delete(webhook_id)


@with_session
def ping(session: Session, webhook_id: IdArgument) -> None:
    """Send a ping and say what it was answered; status 1 if it was not taken."""
    answer = session.client.webhooks.ping(webhook_id)
    if session.as_json:
        session.show(Table(), answer.raw)
    else:
        _say_ping(answer)
    if not answer.is_ok:
        raise typer.Exit(1)


@with_session
def rotate(session: Session, webhook_id: IdArgument, *, overlap_s: OverlapOption = None) -> None:
    """A new secret for an endpoint. It is shown once."""
    _show_secret(session, session.client.webhooks.rotate(webhook_id, overlap_s=overlap_s))


@with_session
def secret(
    session: Session,
    *,
    new: Annotated[bool, typer.Option("--rotate", help="Make a new one first.")] = False,
    overlap_s: OverlapOption = None,
) -> None:
    """What signs for the webhooks that tasks name (`orchestrator submit --webhook`)."""
    webhooks = session.client.webhooks
    _show_secret(session, webhooks.rotate_secret(overlap_s=overlap_s) if new else webhooks.secret())


def webhooks_table(found: Iterable[Webhook]) -> Table:
    """An endpoint a line, never its secret."""
    table = Table("id", "url", "events", "enabled", "description", box=None, padding=(0, 1, 0, 0))
    table.columns[0].no_wrap, table.columns[1].overflow = True, "fold"
    for webhook in found:
        enabled = (
            "[green]yes[/green]" if webhook.is_enabled else f"[red]no[/red], {escape(webhook.disabled_reason or '')}"
        )
        events = " ".join(event.removeprefix("task.") for event in webhook.events)
        table.add_row(webhook.id, escape(webhook.url), events, enabled, escape(webhook.description))
    return table


def build_webhooks() -> typer.Typer:
    """The group of commands."""
    group = typer.Typer(help="Whom to tell of the project's tasks.", no_args_is_help=True)
    group.command()(create)
    group.command("list")(list_webhooks)
    group.command()(change)
    group.command()(delete)
    group.command()(ping)
    group.command()(rotate)
    group.command()(secret)
    return group


def _say_ping(answer: Ping) -> None:
    typer.echo(f"ping: {answer.detail} ({answer.code})", err=True)


def _show_secret(session: Session, made: SigningSecret) -> None:
    until = made.both_until.astimezone().strftime("%m-%d %H:%M") if made.both_until else None
    if session.as_json:
        session.show(
            Table(), {"secret": made.text, "both_until": made.both_until.isoformat() if made.both_until else None}
        )
        return
    typer.echo(made.text)
    if until:
        typer.echo(f"The one before signs as well until {until}.", err=True)
