"""The OpenAPI document is true of what follows, too: from each answer along its links to the next (Proof 1)."""

import threading
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
import redis
import schemathesis
from front_door import SECRETS, FrontDoor
from hypothesis import HealthCheck, settings
from schemathesis import Case, GenerationMode
from schemathesis.core.transport import Response
from schemathesis.engine.recorder import ScenarioRecorder
from schemathesis.specs.openapi.checks import positive_data_acceptance

from orchestrator.ports.claims import Commit

JOURNEYS = settings(
    max_examples=8, stateful_step_count=6, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
SUBMIT, FOLLOW = "POST /v1/tasks", "GET /v1/tasks/{task_id}/events"
ECHO: Mapping[str, Any] = {"type": "system.echo", "params": {}, "input": None, "start_by_s": None}
CALM = threading.Event()


class Worker(threading.Thread):
    """Runs what is queued, a moment after somebody has begun to follow it."""

    def __init__(self, door: FrontDoor) -> None:
        super().__init__()
        self._door = door

    def run(self) -> None:
        CALM.wait(0.05)
        claims = self._door.worker.claims
        while runs := claims.claim("io", "worker-1", run_ids=[f"{self.ident:032x}"]).runs:
            for run in runs:
                claims.finish(run, Commit((), {}, {}, actual_s=0.1))


class Manners:
    """How a journey is made. Its recorder remembers the way, so that what is deleted has to be gone from then on."""

    door: FrontDoor
    redis_url: str
    recorder: ScenarioRecorder
    worker: Worker

    def setup(self) -> None:
        """Whoever goes the same way again meets the same."""
        with redis.Redis.from_url(self.redis_url) as client:
            client.flushall()

    def before_call(self, case: Case[Any]) -> None:
        is_meant_well = case.meta is not None and case.meta.generation.mode is GenerationMode.POSITIVE
        if case.operation.label == SUBMIT and is_meant_well and isinstance(case.body, dict):
            case.body.update(ECHO)
        if case.operation.label == FOLLOW:
            self.worker = Worker(self.door)
            self.worker.start()

    def get_call_kwargs(self, _: Case[Any]) -> dict[str, Any]:
        return {"headers": {"Authorization": f"Bearer {SECRETS.admin_key}"}, "timeout": 10}

    def after_call(self, _: Response, case: Case[Any]) -> None:
        if case.operation.label == FOLLOW:
            self.worker.join()

    def validate_response(self, response: Response, case: Case[Any], **kwargs: object) -> None:
        case.validate_response(
            response,
            excluded_checks=[positive_data_acceptance],  # as in test_api_schema.py
            transport_kwargs=kwargs,
            recorder=self.recorder,
        )


@pytest.mark.parametrize("where", [r"^/v1/tasks", r"^/v1/(uploads|projects|keys)"])
def test_on_every_journey_each_answer_is_documented(door: FrontDoor, redis_url: str, where: str) -> None:
    schema = schemathesis.openapi.from_url(f"{door.url}/openapi.json").include(path_regex=where)
    own = {"door": door, "redis_url": redis_url}
    journey: Any = type("Journey", (Manners, schema.as_state_machine()), own)
    journey.run(settings=JOURNEYS)


def test_from_a_submit_every_link_leads_on(door: FrontDoor, film_a: httpx.Client) -> None:
    document = film_a.get("/openapi.json").json()
    operations = {
        operation["operationId"]: (method, path, operation)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }
    links = document["paths"]["/v1/tasks"]["post"]["responses"]["202"]["links"]
    assert {"tasks_get", "tasks_cancel", "tasks_retry", "events_follow_task", "events_show_log"} <= set(links)
    assert {name for name, (_, path, _) in operations.items() if "{task_id}" in path} == set(links)
    for link in links.values():
        assert link["parameters"] == {"task_id": "$response.body#/id"}
        method, path, operation = operations[link["operationId"]]
        task_id = film_a.post("/v1/tasks", json={"type": "system.echo"}).json()["id"]
        worker = Worker(door)
        worker.start()
        answer = film_a.request(method, path.format(task_id=task_id), timeout=10)
        worker.join()
        assert str(answer.status_code) in operation["responses"]
        assert answer.status_code not in {404, 405}, f"{method} {path}"
