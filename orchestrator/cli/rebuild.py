"""`orchestrator rebuild`: make the records anew from the journal, after a total loss of Redis.

It imports what it works with when it is asked: every command loads this module.
"""

import json
import time
from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from orchestrator.cli.options import DEFAULT_STATE, StateOption
from orchestrator.cli.session import JsonOption

DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Only say what would be made again.")]
BrokenOption = Annotated[
    bool, typer.Option("--accept-broken", help="Open the node although something of the journal cannot be read.")
]
AgainOption = Annotated[
    float,
    typer.Option("--tell-again", min=0, metavar="HOURS", help="Tell destinations again of what ended so lately."),
]
BROKEN_SHOWN = 20


def rebuild(
    *,
    state: StateOption = DEFAULT_STATE,
    dry_run: DryRunOption = False,
    accept_broken: BrokenOption = False,
    tell_again: AgainOption = 1.0,
    as_json: JsonOption = False,
) -> None:
    """Make every project, key and task again that the journal knows; what is there stays. Safe to repeat.

    Meanwhile nothing is accepted and nothing runs. It stays so, with status 1, if something cannot be read.
    """
    from orchestrator.cli.node_settings import read_node_settings  # noqa: PLC0415 - see above
    from orchestrator.services.journal.rebuild import Rebuilt  # noqa: PLC0415 - see above
    from orchestrator.wiring.journal import build_rebuild  # noqa: PLC0415 - see above

    begun_s = time.monotonic()
    progress = Console(stderr=True)
    with progress.status("reading the journal") as line:

        def watch(rebuilt: Rebuilt) -> None:
            line.update(f"{rebuilt.tasks.total()} tasks")

        rebuilt = build_rebuild(read_node_settings(state), tell_again_s=tell_again * 3600).rebuild(
            dry_run=dry_run, accept_broken=accept_broken, watch=watch
        )
    report = {
        "dry_run": dry_run,
        "projects": rebuilt.projects,
        "tasks": dict(rebuilt.tasks),
        "from_receipts": rebuilt.from_receipts,
        "broken": [{"key": broken.key, "reason": broken.reason} for broken in rebuilt.broken],
        "took_s": round(time.monotonic() - begun_s, 1),
    }
    if as_json:
        typer.echo(json.dumps(report, indent=2))
    else:
        _show(Console(), report)
    if rebuilt.broken:
        raise typer.Exit(0 if accept_broken and not dry_run else 1)


def _show(console: Console, report: Mapping[str, Any]) -> None:
    table = Table("what", "how many", box=None, padding=(0, 1, 0, 0))
    table.add_row("projects, with their keys", str(report["projects"]))
    for outcome, count in sorted(report["tasks"].items()):
        table.add_row(f"tasks {OUTCOMES.get(outcome, outcome)}", str(count))
    table.add_row("of the succeeded, by their receipts", str(report["from_receipts"]))
    table.add_row("not readable", str(len(report["broken"])))
    console.print(table)
    for broken in report["broken"][:BROKEN_SHOWN]:
        console.print(f"broken: {broken['key']}", style="red")
    console.print(f"{'would take' if report['dry_run'] else 'took'} {report['took_s']} s")


OUTCOMES = {"queued": "queued again", "known": "there already", "deleted": "deleted, left to the sweep"}
