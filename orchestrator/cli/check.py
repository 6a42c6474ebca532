"""`orchestrator check`: is everything that this node stands on fit to serve?"""

from collections.abc import Callable, Mapping

import typer
from rich.console import Console
from rich.table import Table

from orchestrator.cli.options import DEFAULT_STATE, StateOption, read_settings
from orchestrator.domain.errors import OrchestratorError
from orchestrator.local.stack_file import Stack, read_stack
from orchestrator.local.state_folder import StateFolder
from orchestrator.settings import RedisSettings, S3Settings, Settings, TritonSettings, unknown_variables
from orchestrator.wiring.checks import build_checks, build_model_checks


def check(*, state: StateOption = DEFAULT_STATE) -> None:
    """Ask every dependency and every model; status 1 if one is not fit. Without a stack, `ORCH_*` says where."""
    settings, folder = read_settings(), StateFolder(state.resolve())
    if folder.supervisor_pid() is not None:
        settings = _settings_of(read_stack(folder), settings)
    unknown = unknown_variables()
    for name in unknown:
        typer.echo(f"warning: {name} is set, but there is no such setting", err=True)
    wrong = _ask({**build_checks(settings), **build_model_checks(settings)})
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


def _settings_of(stack: Stack, settings: Settings) -> Settings:
    s3 = S3Settings(
        endpoint=stack.s3.endpoint,
        bucket=stack.s3.bucket,
        access_key_id=stack.s3.access_key_id,
        secret_access_key=stack.s3.secret_access_key,
    )
    redis, triton = RedisSettings(url=stack.redis), TritonSettings(grpc=stack.triton.grpc)
    return settings.model_copy(update={"redis": redis, "s3": s3, "triton": triton})
