"""Tasks as tables on a terminal."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from orchestrator.client import Task
from orchestrator.client.results import Queue

COLOURS = {
    "queued": "yellow",
    "running": "cyan",
    "canceling": "magenta",
    "succeeded": "green",
    "failed": "bold red",
    "canceled": "magenta",
}


def tasks_table(tasks: Iterable[Task]) -> Table:
    """A task a line of at most 80 columns, so that ids stay whole."""
    table = Table("id", "type", "status", "created", "took", box=None, padding=(0, 1, 0, 0))
    table.columns[0].no_wrap = True
    for task in tasks:
        status = _status(task)
        if task.status == "running":
            status += f" {task.progress.fraction:.0%}"
        table.add_row(task.id, task.type, status, _time(task.created_at), _took(task))
    return table


def task_table(task: Task, files: Mapping[str, Path] | None = None) -> Table:
    """One task, a row a fact; ``files`` says where outputs were downloaded to, by name."""
    table = Table(show_header=False)
    table.add_row("task", task.id)
    table.add_row("type", task.type)
    table.add_row("status", _status(task))
    if task.queue is not None:
        if task.queue.position is not None:
            table.add_row("ahead in the queue", str(task.queue.position))
        if task.queue.eta_s is not None:
            table.add_row("starts in about", f"{task.queue.eta_s:,.0f} s")
        if reasons := waits_for(task.queue):
            table.add_row("waits for", escape(reasons))
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


def waits_for(queue: Queue) -> str:
    """What keeps a task in the queue beside those before it; empty if nothing does."""
    worker = [f"a worker of {queue.no_worker}"] if queue.no_worker else []
    away = [f"{what}, which is away" for what in queue.away]
    return "\n".join([*away, *(f"{what}, which is paused" for what in queue.paused), *worker])


def _status(task: Task) -> str:
    colour = COLOURS.get(task.status, "white")
    return f"[{colour}]{task.status}[/{colour}]"


def _time(at: datetime) -> str:
    return at.astimezone().strftime("%m-%d %H:%M")


def _took(task: Task) -> str:
    if task.started_at is None or task.ended_at is None:
        return ""
    return f"{(task.ended_at - task.started_at).total_seconds():.1f} s"
