"""`orchestrator alive`: the probe of a worker, for containers.

It imports what it asks with when it is asked: every command loads this module.
"""

import typer


def alive() -> None:
    """Is the worker of this node alive? Status 1 if not. Asks no server: see `ORCH_WORKER__SCRATCH_DIR`."""
    from orchestrator.cli.node_settings import read_settings  # noqa: PLC0415 - see above
    from orchestrator.wiring.probe import build_tell_worker  # noqa: PLC0415 - see above

    listens = build_tell_worker(read_settings().worker.scratch_dir).check()
    typer.echo("alive" if listens else "alive, and waiting for the broker")
