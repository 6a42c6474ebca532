"""`orchestrator doctor`: what is in the store, who works on it, and what audit would mend. It writes nothing.

It imports the keeper's parts when it is asked: every command loads this module.
"""

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console

from orchestrator.cli.options import DEFAULT_STATE, StateOption
from orchestrator.cli.session import JsonOption

LooksOption = Annotated[int, typer.Option("--looks", min=1, help="Look at so many keys and entries one by one.")]
LOOKS = 200_000


def doctor(*, state: StateOption = DEFAULT_STATE, looks: LooksOption = LOOKS, as_json: JsonOption = False) -> None:
    """Examine the store; status 1 if audit would mend something. Safe on production: reads only, in small steps."""
    from orchestrator.cli.doctor_tables import build_tables, verdict  # noqa: PLC0415 - see above
    from orchestrator.cli.node_settings import read_node_settings  # noqa: PLC0415 - see above
    from orchestrator.wiring.doctor import build_diagnose  # noqa: PLC0415 - see above

    report = build_diagnose(read_node_settings(state)).report(limit=looks)
    if as_json:
        typer.echo(json.dumps(asdict(report), indent=2))
    else:
        console = Console()
        for table in build_tables(report):
            console.print(table, "")
        console.print(verdict(report.audit))
    if report.audit.finds:
        raise typer.Exit(1)
