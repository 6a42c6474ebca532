"""The doctor's report as tables on a terminal."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from rich.markup import escape
from rich.table import Table

from orchestrator.ports.inspection import Look, StoreFacts
from orchestrator.services.upkeep.diagnose import Report

SHOWN = 10
MIB = 2**20
PARKED = 1e15  # behind every tag (turn.lua, ADR 0022)
OWNER_COLOURS = {"alive": "green", "silent": "yellow", "gone": "bold red"}


def build_tables(report: Report) -> Iterator[Table]:
    yield _store(report.store)
    yield _places(report)
    yield _lanes(report)
    if report.paused:
        yield _paused(report)
    if report.projects:
        yield _projects(report)
    if report.owners:
        yield _owners(report)
    if report.lapsing:
        yield _lapsing(report)
    yield _duties(report)
    if report.audit.finds:
        yield _finds(report.audit)


def verdict(look: Look) -> str:
    """One line: what was looked at, and whether anything is wrong."""
    schemas = ", ".join(f"{count:,} of schema {schema}" for schema, count in sorted(look.schemas.items()))
    records = f" ({schemas})" if schemas else ""
    extent = "everything" if look.is_whole else "the first part; --looks sets how much"
    found = f"[bold red]{len(look.finds)} to mend[/bold red]" if look.finds else "[green]nothing to mend[/green]"
    return f"{found}: looked at {look.looked:,} keys and entries{records}, {extent}"


def _table(title: str, *columns: str) -> Table:
    """Of at most 80 columns, so that ids stay whole."""
    return Table(*columns, title=title, title_justify="left", box=None, padding=(0, 2, 0, 0))


def _store(facts: StoreFacts) -> Table:
    table = _table("store", "version", "up", "keys", "memory", "eviction", "AOF")
    limit = f"{facts.max_bytes / MIB:,.0f} MiB" if facts.max_bytes else "no limit"
    memory = f"{facts.used_bytes / MIB:,.1f} MiB of {limit}"
    aof = f"fsync {facts.fsync}" if facts.has_aof else "off"
    fit = "green" if facts.has_aof and facts.fsync == "always" else "red"
    eviction = facts.eviction if facts.eviction == "noeviction" else f"[red]{facts.eviction}[/red]"
    up = str(timedelta(seconds=facts.uptime_s))
    table.add_row(facts.version, up, f"{facts.keys:,}", memory, eviction, f"[{fit}]{aof}[/{fit}]")
    return table


def _places(report: Report) -> Table:
    table = _table("places", "place", "tasks", "overdue")
    for place in report.places:
        table.add_row(place.place, f"{place.tasks:,}", f"[red]{place.overdue:,}[/red]" if place.overdue else "")
    return table


def _lanes(report: Report) -> Table:
    table = _table("lanes", "lane", "ready", "oldest wait", "work", "pulses", "worker", "next (start tag)")
    for lane in report.lanes:
        turn = ", ".join(f"{project} {_tag(tag)}" for project, tag in lane.turn[:SHOWN])
        more = f", {len(lane.turn) - SHOWN} more" if len(lane.turn) > SHOWN else ""
        wait = f"{lane.oldest_wait_s:.1f} s" if lane.ready else ""
        work = f"{lane.predicted_s:,.0f} s" if lane.ready else ""
        worker = "" if lane.is_served else "[red]none[/red]"
        table.add_row(lane.lane, f"{lane.ready:,}", wait, work, str(lane.pulses), worker, escape(turn + more))
    return table


def _paused(report: Report) -> Table:
    table = _table("paused", "what", "since", "by", "reason")
    for pause in report.paused:
        since = datetime.fromtimestamp(pause.since_ms / 1000, UTC).strftime("%m-%d %H:%M UTC")
        table.add_row(f"[yellow]{escape(str(pause.what))}[/yellow]", since, escape(pause.by), escape(pause.reason))
    return table


def _projects(report: Report) -> Table:
    table = _table("projects", "project", "running", "queued", "GPU s in 1 h", "MiB kept", "at quota in")
    for use in report.projects[:SHOWN]:
        most = use.quotas
        table.add_row(
            escape(use.project),
            _of(use.running, most.max_running),
            _of(use.queued, most.max_queued),
            _of(use.gpu_s, most.gpu_s_per_hour) if most.gpu_s_per_hour is not None else "",
            _of(use.stored_bytes / MIB, None if most.max_bytes is None else most.max_bytes / MIB),
            f"[yellow]{escape(', '.join(use.at_quota_in))}[/yellow]",
        )
    if len(report.projects) > SHOWN:
        table.add_row(f"and {len(report.projects) - SHOWN} more")
    return table


def _of(used: float, most: float | None) -> str:
    return f"{used:,.0f}" if most is None else f"{used:,.0f} of {most:,.0f}"


def _tag(tag: float) -> str:
    return "parked" if tag >= PARKED else f"{tag:.1f}"


def _owners(report: Report) -> Table:
    table = _table("owners", "owner", "runs", "last beat", "state")
    for owner in report.owners:
        colour = OWNER_COLOURS[owner.state]
        state = f"[{colour}]{owner.state}[/{colour}]"
        table.add_row(escape(owner.owner or "nobody"), str(owner.runs), f"{owner.silent_s:.1f} s ago", state)
    return table


def _lapsing(report: Report) -> Table:
    table = _table("leases about to lapse", "task", "owner", "left")
    for lease in report.lapsing[:SHOWN]:
        table.add_row(escape(lease.task_id), escape(lease.owner or "nobody"), f"{lease.left_s:.1f} s")
    if len(report.lapsing) > SHOWN:
        table.add_row(f"and {len(report.lapsing) - SHOWN} more", "", "")
    return table


def _duties(report: Report) -> Table:
    table = _table("duties", "duty", "keeper", "for")
    for duty in report.duties:
        holder = escape(duty.holder) or "[red]nobody[/red]"
        table.add_row(duty.duty, holder, f"{duty.left_s:.1f} s" if duty.holder else "")
    return table


def _finds(look: Look) -> Table:
    table = _table("to mend", "fault", "index", "count", "such as")
    subjects = {(find.fault, find.index): find.subject for find in reversed(look.finds)}
    for kind, count in Counter((find.fault, find.index) for find in look.finds).most_common():
        table.add_row(*kind, f"{count:,}", escape(subjects[kind]))
    return table
