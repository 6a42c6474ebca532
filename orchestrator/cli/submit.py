"""`orchestrator submit`: upload a file, submit a task, watch it, fetch what it made."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from orchestrator.cli.session import Session, with_session
from orchestrator.cli.tables import task_table
from orchestrator.cli.watching import OutOption, Watch
from orchestrator.client import Options
from orchestrator.client.options import is_elsewhere
from orchestrator.client.transfers import sha256_of

TypeArgument = Annotated[str, typer.Argument(help="Task type, such as image.upscale.")]
InputArgument = Annotated[
    str | None, typer.Argument(metavar="[FILE]", help="The media: a file, an https address, or payload:COLLECTION/ID.")
]
ParamOption = Annotated[list[str] | None, typer.Option("--param", metavar="K=V", help="A parameter; V may be JSON.")]
LabelOption = Annotated[list[str] | None, typer.Option("--label", metavar="K=V", help="A label of yours.")]
PriorityOption = Annotated[str, typer.Option(help="low, normal or high: a head start in the queue.")]
DedupeOption = Annotated[bool, typer.Option("--dedupe", help="Share the run of a task that does or has done the same.")]
ExpiresOption = Annotated[
    datetime | None, typer.Option("--expires-at", help="When it goes with its files, in this machine's zone.")
]
WebhookOption = Annotated[str | None, typer.Option("--webhook", metavar="URL", help="Tell this address what happens.")]
WatchOption = Annotated[bool, typer.Option("--watch", help="Stay until the task has ended; status 1 if it failed.")]


@dataclass(frozen=True, slots=True)
class How:
    """How to run it."""

    label: LabelOption = None
    priority: PriorityOption = "normal"
    dedupe: DedupeOption = False
    webhook: WebhookOption = None
    expires_at: ExpiresOption = None

    def options(self, file: Path | None) -> Options:
        options = Options(
            labels=parse_labels(self.label or ()),
            priority=self.priority,
            webhook=self.webhook,
            expires_at=self.expires_at and self.expires_at.astimezone(),
        )
        if not self.dedupe:
            return options
        return replace(options, dedupe="content", sha256=None if file is None else sha256_of(file))


@dataclass(frozen=True, slots=True)
class Afterwards:
    """What to do once it is submitted."""

    watch: WatchOption = False
    out: OutOption = None


@with_session
def submit(
    session: Session,
    type: TypeArgument,  # noqa: A002 - shown as TYPE
    input: InputArgument = None,  # noqa: A002 - the API's own word
    *,
    param: ParamOption = None,
    how: How,
    then: Afterwards,
) -> None:
    """Submit a task."""
    client = session.client
    params = parse_params(param or ())
    if "options" in params:
        raise typer.BadParameter("no task type has a parameter 'options'", param_hint="--param")
    file = None if input is None or is_elsewhere(input) else _file(input)
    task = client.submit(type, _upload(session, file) if file else input, options=how.options(file), **params)
    if then.watch or then.out is not None:
        Watch(session, task.id).to_the_end(then.out)
    else:
        session.show(task_table(task), task.raw)


def parse_params(pairs: Iterable[str], *, hint: str = "--param") -> dict[str, Any]:
    """``k=v`` pairs; a value that is JSON is taken as JSON, any other as text."""
    params: dict[str, Any] = {}
    for pair in pairs:
        name, text = split_pair(pair, hint=hint)
        try:
            params[name] = json.loads(text)
        except ValueError:
            params[name] = text
    return params


def parse_labels(pairs: Iterable[str]) -> dict[str, str]:
    """``k=v`` pairs of ``--label``."""
    return dict(split_pair(pair, hint="--label") for pair in pairs)


def split_pair(pair: str, *, hint: str) -> tuple[str, str]:
    name, found, text = pair.partition("=")
    if not (name and found):
        raise typer.BadParameter(f"{pair!r} is not K=V", param_hint=hint)
    return name, text


def _file(text: str) -> Path:
    path = Path(text)
    if not path.is_file():
        raise typer.BadParameter(f"there is no file {text!r}", param_hint="FILE")
    return path


def _upload(session: Session, file: Path) -> str:
    columns = (TextColumn("upload"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=session.progress) as bars:
        bar = bars.add_task("upload", total=file.stat().st_size)
        return session.client.upload(file, on_progress=lambda sent, _total: bars.update(bar, completed=sent))
