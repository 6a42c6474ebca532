"""One command per process of ours, configured by `ORCH_*` alone: what the containers and `orchestrator up` run.

Each imports only its own half of the program: a worker has no use for the web framework, nor the API for Celery's.
"""

from typing import Annotated

import typer

from orchestrator.cli.options import require_lane

API_STOP_S = 5


def api() -> None:
    """Serve the HTTP API."""
    import uvicorn  # noqa: PLC0415 - see above
    from prometheus_client import start_http_server  # noqa: PLC0415 - see above

    from orchestrator.api.app import build_app  # noqa: PLC0415 - see above
    from orchestrator.cli.node_settings import begin_process  # noqa: PLC0415 - see above
    from orchestrator.wiring.api import build_api_parts  # noqa: PLC0415 - see above

    settings = begin_process()
    parts = build_api_parts(settings)
    if settings.api.metrics_port is not None:
        start_http_server(settings.api.metrics_port, registry=parts.registry)
    uvicorn.run(
        build_app(parts),
        host=settings.api.host,
        port=settings.api.port,
        log_config=None,  # ours is configured already
        access_log=False,
        proxy_headers=False,  # nothing here asks for the client's address or scheme
        timeout_graceful_shutdown=API_STOP_S,  # an open event stream must not hold up a stop
    )


def worker(
    *, lane: Annotated[str, typer.Option(help="The lane to work on: LANE, or LANE@POOL for pinned projects.")]
) -> None:
    """Work on the tasks of a lane."""
    from orchestrator.cli.node_settings import begin_process  # noqa: PLC0415 - see above
    from orchestrator.worker import run_worker  # noqa: PLC0415 - see above

    run_worker(begin_process(), lane=require_lane(lane, hint="--lane"))


def keeper() -> None:
    """Run the duties: reconcile, sweep, measure."""
    from orchestrator.cli.node_settings import begin_process  # noqa: PLC0415 - see above
    from orchestrator.keeper import run_keeper  # noqa: PLC0415 - see above

    run_keeper(begin_process())


def metrics() -> None:
    """Serve the Prometheus metrics of the workers of this host."""
    from orchestrator.cli.node_settings import begin_process  # noqa: PLC0415 - see above
    from orchestrator.worker import run_metrics  # noqa: PLC0415 - see above

    run_metrics(begin_process())
