"""`orchestrator models swap`, `rollback` and `audit`: another release takes the place of the one that serves."""

import math
import re
from collections.abc import Iterable
from typing import Annotated

import typer
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from orchestrator.cli.session import Session, with_session
from orchestrator.client.swaps import AuditLine, Swap

ReleaseArgument = Annotated[str, typer.Argument(metavar="MODEL@VERSION", help="The release that is to serve.")]
ModelArgument = Annotated[str, typer.Argument(metavar="MODEL", help="As `models list` names it.")]
CanaryOption = Annotated[int, typer.Option(min=1, max=100, help="Percent of the runs for it, until it was watched.")]
WatchOption = Annotated[str | None, typer.Option(help="How long it is watched each time: 60s, 5m; as configured.")]
DetachOption = Annotated[bool, typer.Option("--detach", help="Begin, and leave it to the keeper.")]
LimitOption = Annotated[int, typer.Option(min=1, max=1000, help="How many lines.")]

RELEASE = re.compile(r"(?P<model>[^@/]+)(@(?P<version>[0-9]+))?")
UNITS = {"s": 1, "m": 60, "h": 3600}
WAY = ("fetching", "checking", "loading", "warming", "judging", "shifting", "watching", "done")


@with_session
def swap(
    session: Session,
    release: ReleaseArgument,
    *,
    canary: CanaryOption = 100,
    watch: WatchOption = None,
    detach: DetachOption = False,
) -> None:
    """Let a release serve in the place of the one that does; status 1 if it is refused or rolled back."""
    model, version = parse_release(release)
    begun = session.client.models.swaps.begin(model, version, canary=canary, watch_s=parse_seconds(watch))
    _show(session, begun if detach else follow_swap(session, model, first=begun))


@with_session
def rollback(session: Session, model: ModelArgument) -> None:
    """Let the release before serve again: at once, if it is still resident."""
    swap = session.client.models.swaps.roll_back(model)
    session.show(swap_table(swap), dict(swap.raw))


@with_session
def audit(session: Session, model: ModelArgument, *, limit: LimitOption = 30) -> None:
    """What was done with the model's releases, by whom and why; the latest first."""
    lines = session.client.models.swaps.audit(model, limit=limit)
    session.show(audit_table(lines), [dict(line.raw) for line in lines])


def parse_release(text: str) -> tuple[str, int]:
    """Model and version; without one, the model's own folder."""
    named = RELEASE.fullmatch(text)
    if not named:
        raise typer.BadParameter(f"{text!r} is not MODEL@VERSION")
    return named["model"], int(named["version"] or 0)


def parse_seconds(text: str | None) -> float | None:
    """`60`, `60s`, `5m` or `1h`."""
    if text is None:
        return None
    number, unit = (text[:-1], text[-1]) if text[-1:] in UNITS else (text, "s")
    try:
        seconds = float(number) * UNITS[unit]
    except ValueError:
        seconds = math.nan
    if not math.isfinite(seconds):
        raise typer.BadParameter(f"{text!r} is no time such as 60s or 5m")
    return seconds


def swap_table(swap: Swap) -> Table:
    """The way that it has to go, and how far it is."""
    table = Table.grid(padding=(0, 1))
    table.add_row("swap", f"{escape(swap.old)} → {escape(swap.new)}")
    at = WAY.index(swap.step) if swap.step in WAY else -1
    shown = [f"[green]{step}[/green]" if n < at else f"[bold]{step}[/bold]" for n, step in enumerate(WAY) if n <= at]
    table.add_row("step", " · ".join(shown) or f"[bold]{swap.step}[/bold]")
    shares = ", ".join(f"{escape(name)} {share} %" for name, share in swap.weights.items() if share)
    table.add_row("runs go to", shares or "nobody")
    if swap.fault:
        table.add_row("because", f"[red]{escape(swap.reason or '')}[/red] ({swap.fault})")
    for name, value in swap.figures.items():
        table.add_row("", f"{escape(name)} {value:.4g}")
    return table


def audit_table(lines: Iterable[AuditLine]) -> Table:
    """A line a move."""
    table = Table("at", "swap", "step", "by", "why", box=None, padding=(0, 1, 0, 0))
    for line in lines:
        at = line.at.astimezone().strftime("%m-%d %H:%M:%S")
        why = f"{line.reason} ({line.fault})" if line.fault else line.reason or ""
        table.add_row(at, escape(f"{line.old} → {line.new}"), line.step, escape(line.by), escape(why))
    return table


def follow_swap(session: Session, model: str, *, first: Swap) -> Swap:
    """Show how it goes on until it is decided which release serves."""
    last = first
    with Live(swap_table(last), console=session.progress, refresh_per_second=4, transient=True) as live:
        for last in session.client.models.swaps.follow(model):
            live.update(swap_table(last))
    return last


def _show(session: Session, swap: Swap) -> None:
    session.show(swap_table(swap), dict(swap.raw))
    if swap.is_settled and not swap.has_succeeded:
        raise typer.Exit(1)
