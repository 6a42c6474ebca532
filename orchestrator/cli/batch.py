"""`orchestrator batch`: upload files and submit a task for each, all accepted or none."""

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from orchestrator.cli.session import Session, with_session
from orchestrator.cli.submit import ParamOption, TypeArgument, parse_params
from orchestrator.client import Submission

FilesArgument = Annotated[list[Path], typer.Argument(exists=True, dir_okay=False, help="A task for each of them.")]


@with_session
def batch(
    session: Session,
    type: TypeArgument,  # noqa: A002 - shown as TYPE
    files: FilesArgument,
    *,
    param: ParamOption = None,
) -> None:
    """Submit a task for each file, all or none."""
    params, columns = parse_params(param or ()), (TextColumn("upload"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=session.progress) as bars:
        keys = [session.client.upload(file) for file in bars.track(files, description="upload")]
    ids = session.client.submit_batch([Submission(type, key, params) for key in keys])
    table = Table("file", "task", box=None, padding=(0, 1, 0, 0))
    for file, task_id in zip(files, ids, strict=True):
        table.add_row(file.name, task_id)
    session.show(table, [{"file": str(file), "id": task_id} for file, task_id in zip(files, ids, strict=True)])
