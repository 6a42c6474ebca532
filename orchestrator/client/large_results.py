"""Results that the service does not put into a task: fetched here, so that a task has its result in any case."""

from dataclasses import replace

from orchestrator.client.calls import Call, Caller
from orchestrator.client.results import Json, Task, parse_task


def parse_whole(caller: Caller, body: Json) -> Task:
    """The task with its result, compressed on the way where httpx can expand it.

    Raises:
        ApiError: the result could not be fetched.
    """
    task = parse_task(body)
    if body.get("result_url") is None:
        return task
    return replace(task, result=caller.send(Call("GET", f"/v1/tasks/{task.id}/result")))
