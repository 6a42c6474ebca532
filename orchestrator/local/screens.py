"""How people watch a stack: a live table on a terminal, a line per change anywhere else."""

import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol, Self

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from orchestrator.local.runner import PartView, State

COLOURS = {
    State.READY: "green",
    State.FAILING: "bold red",
    State.RESTARTING: "red",
    State.STARTING: "yellow",
    State.STOPPING: "yellow",
}


class Screen(Protocol):
    """Shows parts while it is open."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: object) -> None: ...

    def __call__(self, views: Sequence[PartView]) -> None:
        """Show the parts as they are now; called ten times a second."""
        ...


class LiveTable:
    """The table of parts, redrawn in place."""

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, auto_refresh=False)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def __call__(self, views: Sequence[PartView]) -> None:
        self._live.update(build_table(views), refresh=True)


class PlainLines:
    """A line whenever a part's state changes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._shown: dict[str, State] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def __call__(self, views: Sequence[PartView]) -> None:
        for view in views:
            if self._shown.get(view.name, State.WAITING) is not view.state:
                say(self._console, _render_line(view))
                self._shown[view.name] = view.state


class Welcome:
    """Says ``text`` once, when every part is ready."""

    def __init__(self, console: Console, text: str) -> None:
        self._console = console
        self._text = text

    def __call__(self, views: Sequence[PartView]) -> None:
        if self._text and all(view.state is State.READY for view in views):
            say(self._console, self._text)
            self._text = ""


def open_screen(console: Console) -> Screen:
    return LiveTable(console) if console.is_terminal else PlainLines(console)


def say(console: Console, text: str) -> None:
    """Print ``text`` as it is: a path with a bracket is no markup, and a URL is never wrapped."""
    console.print(text, highlight=False, markup=False, soft_wrap=True)


def build_table(views: Sequence[PartView]) -> Table:
    """The parts with their state, pid, age, restarts, and what each is waiting for."""
    table = Table("part", "state", "pid", "up", "restarts", "waiting for", box=None, pad_edge=False)
    for view in views:
        state = Text(view.state, style=COLOURS.get(view.state, "dim"))
        age = str(timedelta(seconds=int(_age_s(view)))) if view.pid else ""
        table.add_row(view.name, state, str(view.pid or ""), age, str(view.restarts), Text(view.note))
    return table


def _render_line(view: PartView) -> str:
    if view.state is State.READY:
        return f"{view.name} is ready after {_age_s(view):.1f} s (process {view.pid})"
    return f"{view.name} is {view.state}" + (f": {view.note}" if view.note else "")


def _age_s(view: PartView) -> float:
    return time.time() - view.since if view.since else 0.0
