"""`orchestrator check`: is everything that this node stands on fit to serve?

It imports what it asks with when it is asked: every command loads this module.
"""

from collections.abc import Callable, Mapping

import typer
from rich.console import Console
from rich.table import Table

from orchestrator.cli.options import DEFAULT_STATE, StateOption
from orchestrator.domain.errors import OrchestratorError


def check(*, state: StateOption = DEFAULT_STATE) -> None:
    """Ask every dependency and every model; status 1 if one is not fit. Without a stack, `ORCH_*` says where."""
    from orchestrator.cli.node_settings import read_node_settings  # noqa: PLC0415 - see above
    from orchestrator.settings import unknown_variables  # noqa: PLC0415 - see above
    from orchestrator.wiring.breakers import build_breakers  # noqa: PLC0415 - see above
    from orchestrator.wiring.checks import (  # noqa: PLC0415 - see above
        build_checks,
        build_instance_checks,
        build_model_checks,
    )
    from orchestrator.wiring.content import build_content_checks  # noqa: PLC0415 - see above

    settings = read_node_settings(state)
    unknown = unknown_variables()
    for name in unknown:
        typer.echo(f"warning: {name} is set, but there is no such setting", err=True)
    servers = {f"triton {address}": ask for address, ask in build_instance_checks(settings).items()}
    others = {**servers, **build_content_checks(settings), "breakers": build_breakers(settings).check}
    wrong = _ask({**build_checks(settings), **build_model_checks(settings), **others})
    if wrong or unknown:
        raise typer.Exit(1)


def _ask(checks: Mapping[str, Callable[[], None]]) -> int:
    """Print one line a check; the number of those that failed."""
    table, wrong = Table("what", "fit", "why not"), 0
    for name, ask in checks.items():
        try:
            ask()
        except OrchestratorError as error:
            wrong += 1
            table.add_row(name, "[red]no[/red]", str(error))
        else:
            table.add_row(name, "[green]yes[/green]", "")
    Console().print(table)
    return wrong
