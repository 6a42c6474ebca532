"""`orchestrator watch|events|logs`: what happens to a task, or to all of the project, as it happens."""

import json
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

import typer

from orchestrator.cli.session import Session, with_session
from orchestrator.cli.watching import OutOption, Watch
from orchestrator.client import Event

IdArgument = Annotated[str, typer.Argument(metavar="ID", help="The task's id.")]
AnyIdArgument = Annotated[str | None, typer.Argument(metavar="[ID]", help="The task's id; without it, all tasks.")]
AfterOption = Annotated[str | None, typer.Option(help="Only what came after the event with this id.")]
FollowOption = Annotated[bool, typer.Option("--follow", "-f", help="Stay until the task has ended.")]


@with_session
def watch(session: Session, task_id: IdArgument, *, out: OutOption = None) -> None:
    """Stay until a task has ended; status 1 if it failed."""
    Watch(session, task_id).to_the_end(out)


@with_session
def events(session: Session, task_id: AnyIdArgument = None, *, after: AfterOption = None) -> None:
    """What happens, a line an event, until the task has ended; --json prints an object a line."""
    with closing(session.client.events(task_id, after=after)) as told, suppress(KeyboardInterrupt):
        for event in told:
            about = {"event": event.name, "id": event.cursor, **event.data}
            typer.echo(json.dumps(about) if session.as_json else describe(event, with_task=task_id is None))


@with_session
def logs(session: Session, task_id: IdArgument, *, follow: FollowOption = False) -> None:
    """What the runs of a task say of themselves."""
    if follow:
        with closing(session.client.events(task_id)) as told, suppress(KeyboardInterrupt):
            for event in told:
                if event.name == "log":
                    about = {"id": event.cursor, **event.data}
                    typer.echo(json.dumps(about) if session.as_json else describe(event))
        return
    for line in session.client.logs(task_id):
        about = {**asdict(line), "at": line.at.isoformat()}
        typer.echo(json.dumps(about) if session.as_json else describe(Event("log", about, line.id)))


def describe(event: Event, *, with_task: bool = False) -> str:
    """An event as a line."""
    data = event.data
    at = datetime.fromisoformat(data["at"]).astimezone().strftime("%H:%M:%S") if "at" in data else "--:--:--"
    return "  ".join(filter(None, [at, event.task_id if with_task else None, _what(event.name, data)]))


def _what(name: str, data: Mapping[str, Any]) -> str:
    if name == "status":
        return " ".join(filter(None, [data["status"], data.get("reason"), _why(data.get("error"))]))
    if name == "progress":
        return f"{data['stage']} {data['fraction']:.0%} ({data['done']} of {data['total']})"
    if name == "log":
        return " ".join([data["level"], data["event"], *(f"{key}={value}" for key, value in data["fields"].items())])
    if name == "output":
        return f"output {data['name']}, {data['size_bytes']:,} bytes"
    if name == "gap":
        return " ".join(filter(None, ["what came before is forgotten", data.get("status") and f"({data['status']})"]))
    return f"{name} {json.dumps(data)}"


def _why(error: Mapping[str, Any] | None) -> str | None:
    return f"{error['message']} ({error['code']})" if error else None
