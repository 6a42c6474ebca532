"""`orchestrator pause`, `resume` and `pauses`: what may not be claimed, for operators; and a project's own tasks."""

from collections.abc import Iterable
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from orchestrator.cli.session import Session, with_session
from orchestrator.client.pauses import Pause

WhatArgument = Annotated[str, typer.Argument(metavar="WHAT", help="lane:video, project:film-a, type:… or model:…")]
ReasonOption = Annotated[str, typer.Option(help="Why, for whoever looks at it next.")]


@with_session
def pause(session: Session, what: WhatArgument, *, reason: ReasonOption = "") -> None:
    """Let nothing of it be claimed; its tasks wait, what runs goes on."""
    _show(session, session.client.pauses.pause(what, reason=reason))


@with_session
def resume(session: Session, what: WhatArgument) -> None:
    """End a pause."""
    _show(session, session.client.pauses.resume(what))


@with_session
def pauses(session: Session) -> None:
    """Everything that is paused, since when, by which key and why."""
    found = session.client.pauses.list()
    session.show(pauses_table(found), [pause.raw for pause in found])


@with_session
def pause_own(session: Session, *, reason: ReasonOption = "") -> None:
    """Let none of the project's own tasks be claimed; what runs goes on."""
    _show(session, session.client.pauses.pause_own(reason=reason))


@with_session
def resume_own(session: Session) -> None:
    """Let the project's own tasks be claimed again."""
    _show(session, session.client.pauses.resume_own())


def pauses_table(found: Iterable[Pause]) -> Table:
    """A pause a line."""
    table = Table("paused", "since", "by", "reason", box=None, padding=(0, 1, 0, 0))
    for pause in found:
        since = pause.since.astimezone().strftime("%m-%d %H:%M")
        by = f"{pause.by}{'' if pause.by_operator else ' (the project)'}"
        table.add_row(escape(pause.what), since, escape(by), escape(pause.reason))
    return table


def _show(session: Session, pause: Pause | None) -> None:
    session.show(pauses_table([pause] if pause else []), dict(pause.raw) if pause else {})
