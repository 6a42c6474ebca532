"""Tasks as tables on a terminal."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from orchestrator.client import Task

COLOURS = {
    "queued": "yellow",
    "running": "cyan",
    "canceling": "magenta",
    "succeeded": "green",
    "failed": "bold red",
    "canceled": "magenta",
}


def tasks_table(tasks: Iterable[Task]) -> Table:
    table = Table("id", "type", "status", "progress", "created", "took")
    for task in tasks:
        took = _took(task)
        table.add_row(task.id, task.type, _status(task), f"{task.progress.fraction:.0%}", _time(task.created_at), took)
    return table


def task_table(task: Task, files: Mapping[str, Path] | None = None) -> Table:
    """One task, a row a fact; ``files`` says where outputs were downloaded to, by name."""
    table = Table(show_header=False)
    table.add_row("task", task.id)
    table.add_row("type", task.type)
    table.add_row("status", _status(task))
    if task.queue is not None and task.queue.position is not None:
        table.add_row("ahead in the queue", str(task.queue.position))
    if task.error is not None:
        table.add_row("error", escape(f"{task.error.message} ({task.error.code}, {task.error.category})"))
    if task.result is not None:
        table.add_row("result", escape(json.dumps(task.result)))
    for attempt in task.attempts:
        ended = attempt.error.message if attempt.error else "ended"
        table.add_row(f"attempt {attempt.epoch}", escape(f"{ended} on {attempt.worker}"))
    for output in task.outputs:
        where = (files or {}).get(output.name, output.url)
        table.add_row(escape(output.name), escape(f"{output.size_bytes:,} bytes, {output.content_type}\n{where}"))
    table.add_row("took", _took(task))
    return table


def _status(task: Task) -> str:
    colour = COLOURS.get(task.status, "white")
    return f"[{colour}]{task.status}[/{colour}]"


def _time(at: datetime) -> str:
    return at.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _took(task: Task) -> str:
    if task.started_at is None or task.ended_at is None:
        return ""
    return f"{(task.ended_at - task.started_at).total_seconds():.1f} s"
