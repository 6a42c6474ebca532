"""A task that runs, for tests that need one of any kind; `dataclasses.replace` changes the rest."""

from orchestrator.domain.task import Priority, Run, Status, Task

TASK = Task(
    id="t",
    project="film-a",
    type="system.echo",
    lane="io",
    model="echo",
    status=Status.RUNNING,
    priority=Priority.NORMAL,
    generation=1,
    epoch=1,
    input={},
    params={},
    labels={},
    created_at_ms=0,
    updated_at_ms=0,
    predicted_s=1.0,
)
RUN = Run(TASK, 1, "run-1", "worker-1")
