"""Watching a task to its end: a bar while it runs, its outputs, and the status that the command ends with."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from orchestrator.cli.session import Session, existing_folder
from orchestrator.cli.tables import task_table
from orchestrator.client import Task

OutOption = Annotated[Path | None, typer.Option("--out", help="Watch, then download the outputs into this folder.")]


@dataclass(frozen=True, slots=True)
class Watch:
    """One task of a session."""

    session: Session
    task_id: str

    def to_the_end(self, out: Path | None) -> None:
        """Stay until it has ended, fetch its outputs into ``out``, show it; status 1 if it did not succeed."""
        task = self._wait()
        files: dict[str, Path] = {}
        if out is not None and task.has_succeeded:
            folder = existing_folder(out)
            files = {output.name: self.session.client.download(output, folder) for output in task.outputs}
        self.session.show(task_table(task, files), task.raw)
        if not task.has_succeeded:
            raise typer.Exit(1)

    def _wait(self) -> Task:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self.session.progress) as bars:
            bar = bars.add_task("", total=1.0)

            def show(now: Task) -> None:
                stage = f" {now.progress.stage}" if now.status == "running" and now.progress.stage else ""
                fraction = 1.0 if now.has_succeeded else now.progress.fraction
                bars.update(bar, description=now.status + stage, completed=fraction)

            return self.session.client.wait(self.task_id, on_update=show)
