"""`orchestrator submit`: upload a file, submit a task, watch it, fetch what it made."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn, TransferSpeedColumn

from orchestrator.cli.session import Session, existing_folder, with_session
from orchestrator.cli.tables import task_table
from orchestrator.client import Options, Task
from orchestrator.client.options import AS_USUAL
from orchestrator.client.transfers import sha256_of

FileArgument = Annotated[Path | None, typer.Argument(exists=True, dir_okay=False, help="The media to work on.")]
ParamOption = Annotated[list[str] | None, typer.Option("--param", metavar="K=V", help="A parameter; V may be JSON.")]
DedupeOption = Annotated[bool, typer.Option("--dedupe", help="Share the run of a task that does or has done the same.")]
WatchOption = Annotated[bool, typer.Option("--watch", help="Stay until the task has ended; status 1 if it failed.")]
OutOption = Annotated[Path | None, typer.Option("--out", help="Watch, then download the outputs into this folder.")]


@dataclass(frozen=True, slots=True)
class Afterwards:
    """What to do once it is submitted."""

    watch: WatchOption = False
    out: OutOption = None


@with_session
def submit(
    session: Session,
    type: Annotated[str, typer.Argument(help="Task type, such as image.upscale.")],  # noqa: A002 - shown as TYPE
    file: FileArgument = None,
    *,
    param: ParamOption = None,
    dedupe: DedupeOption = False,
    then: Afterwards,
) -> None:
    """Submit a task."""
    client = session.client
    params = parse_params(param or ())
    if "options" in params:
        raise typer.BadParameter("no task type has a parameter 'options'", param_hint="--param")
    key = None if file is None else _upload(session, file)
    task = client.submit(type, key, options=_options(file, dedupe=dedupe), **params)
    files: dict[str, Path] = {}
    if then.watch or then.out is not None:
        task = _watch(session, task)
    if then.out is not None and task.has_succeeded:
        folder = existing_folder(then.out)
        files = {output.name: client.download(output, folder) for output in task.outputs}
    session.show(task_table(task, files), task.raw)
    if task.has_ended and not task.has_succeeded:
        raise typer.Exit(1)


def parse_params(pairs: Iterable[str], *, hint: str = "--param") -> dict[str, Any]:
    """``k=v`` pairs; a value that is JSON is taken as JSON, any other as text."""
    params: dict[str, Any] = {}
    for pair in pairs:
        name, found, text = pair.partition("=")
        if not (name and found):
            raise typer.BadParameter(f"{pair!r} is not K=V", param_hint=hint)
        try:
            params[name] = json.loads(text)
        except ValueError:
            params[name] = text
    return params


def _options(file: Path | None, *, dedupe: bool) -> Options:
    if not dedupe:
        return AS_USUAL
    return Options(dedupe="content", sha256=None if file is None else sha256_of(file))


def _upload(session: Session, file: Path) -> str:
    columns = (TextColumn("upload"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=session.progress) as bars:
        bar = bars.add_task("upload", total=file.stat().st_size)
        return session.client.upload(file, on_progress=lambda sent, _total: bars.update(bar, completed=sent))


def _watch(session: Session, task: Task) -> Task:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=session.progress) as bars:
        bar = bars.add_task(task.status, total=1.0)

        def show(now: Task) -> None:
            stage = f" {now.progress.stage}" if now.status == "running" and now.progress.stage else ""
            fraction = 1.0 if now.has_succeeded else now.progress.fraction
            bars.update(bar, description=now.status + stage, completed=fraction)

        return session.client.wait(task.id, on_update=show)
