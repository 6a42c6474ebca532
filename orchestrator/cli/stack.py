"""`orchestrator up`, `status` and `down`: the embedded stack.

They import what makes a stack when they are asked: every command loads this module.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from orchestrator.cli.options import DEFAULT_STATE, StateOption, require_lane, taking
from orchestrator.domain.lane import LANE_SLOTS
from orchestrator.local.screens import build_table, say
from orchestrator.local.stack_file import read_stack
from orchestrator.local.stack_options import StackOptions
from orchestrator.local.state_folder import StateFolder

PROJECT_ROOT = Path(__file__).resolve().parents[2]
STOP_MARGIN_S = 60.0


def choose(
    *,
    port: Annotated[int, typer.Option(help="The API's port; 0 takes a free one.", min=0, max=65535)] = 0,
    lanes: Annotated[str, typer.Option(help="Lanes to work on, separated by commas.")] = ",".join(LANE_SLOTS),
    workers: Annotated[int, typer.Option(help="Worker children per lane.", min=1)] = 2,
    payload: Annotated[
        bool, typer.Option("--payload", help="Add a real PayloadCMS, for which Node.js is needed.")
    ] = False,
    project: Annotated[
        Path, typer.Option(envvar="ORCH_PROJECT_DIR", help="Folder of model_repository/ and triton/.")
    ] = PROJECT_ROOT,
) -> StackOptions:
    """What the stack is to be."""
    from orchestrator.cli.node_settings import read_settings  # noqa: PLC0415 - see above

    return StackOptions(
        port=port,
        lanes=_parse_lanes(lanes),
        workers=workers,
        project=project.resolve(),
        drain_s=read_settings().worker.drain.total_seconds(),
        payload=payload,
    )


@taking(choose)
def up(
    options: StackOptions,
    *,
    state: StateOption = DEFAULT_STATE,
    detach: Annotated[bool, typer.Option("--detach", help="Return when it is ready, and leave it running.")] = False,
    awaited_by: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    """Start the embedded stack: Redis, S3, Triton, the API, the keeper and the workers."""
    from orchestrator.local.up import run_stack, start_detached  # noqa: PLC0415 - see above

    folder = StateFolder(state.resolve())
    if not detach:
        run_stack(options, folder, console=Console(), awaited_by=awaited_by)
    elif not start_detached(options, folder, out=sys.stderr):
        raise typer.Exit(1)


def status(*, state: StateOption = DEFAULT_STATE) -> None:
    """Show what every part of the running stack is doing; status 1 if none is running."""
    stack = read_stack(StateFolder(state.resolve()))
    console = Console()
    say(console, f"{stack.api} (supervisor {stack.supervisor})")
    console.print(build_table(stack.parts))


def down(*, state: StateOption = DEFAULT_STATE) -> None:
    """Stop the running stack and wait until every part is gone; its data stays."""
    from orchestrator.cli.node_settings import read_settings  # noqa: PLC0415 - see above
    from orchestrator.local.up import stop_stack  # noqa: PLC0415 - see above

    folder = StateFolder(state.resolve())
    within_s = read_settings().worker.drain.total_seconds() + STOP_MARGIN_S
    stopped = stop_stack(folder, within_s=within_s)
    typer.echo(f"stopped; the data stays in {folder.root}" if stopped else f"no stack is running in {folder.root}")


def _parse_lanes(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(require_lane(word.strip(), hint="--lanes") for word in text.split(",")))
