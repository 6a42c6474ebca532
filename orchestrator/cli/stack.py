"""`orchestrator up`, `status` and `down`: the embedded stack."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from orchestrator.cli.options import DEFAULT_STATE, StateOption, read_settings, require_lane, taking
from orchestrator.local.plan import StackOptions
from orchestrator.local.screens import build_table, say
from orchestrator.local.stack_file import read_stack
from orchestrator.local.state_folder import StateFolder
from orchestrator.local.up import run_stack, start_detached, stop_stack
from orchestrator.pipelines.registry import LANE_SLOTS

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
    folder = StateFolder(state.resolve())
    within_s = read_settings().worker.drain.total_seconds() + STOP_MARGIN_S
    stopped = stop_stack(folder, within_s=within_s)
    typer.echo(f"stopped; the data stays in {folder.root}" if stopped else f"no stack is running in {folder.root}")


def _parse_lanes(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(require_lane(word.strip(), hint="--lanes") for word in text.split(",")))
