"""`orchestrator alive`: the probe of a worker, for containers."""

import typer

from orchestrator.cli.options import read_settings
from orchestrator.wiring.probe import build_tell_worker


def alive() -> None:
    """Is the worker of this node alive? Status 1 if not. Asks no server: see `ORCH_WORKER__SCRATCH_DIR`."""
    listens = build_tell_worker(read_settings().worker.scratch_dir).check()
    typer.echo("alive" if listens else "alive, and waiting for the broker")
