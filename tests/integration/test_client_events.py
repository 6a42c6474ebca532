"""The client follows real tasks while the line to the service breaks."""

from collections.abc import Iterator
from contextlib import closing
from urllib.parse import urlsplit

import pytest
from fault_proxy import FaultProxy, fault_proxy
from front_door import KEYS, FrontDoor

from orchestrator.client import Client, Event
from orchestrator.domain.log_line import LogLine, Said
from orchestrator.domain.task import Progress, Run
from orchestrator.ports.claims import Beat, Commit


@pytest.fixture
def line(door: FrontDoor) -> Iterator[FaultProxy]:
    with fault_proxy(urlsplit(door.url).port or 0) as proxy:
        yield proxy


@pytest.fixture
def client(line: FaultProxy) -> Iterator[Client]:
    with Client(f"http://127.0.0.1:{line.port}", KEYS["film-a"]) as client:
        yield client


def word(event: Event) -> str:
    return str(event.data.get("status", event.name))


def finish(door: FrontDoor, run: Run) -> None:
    line = Said(1, 0.5, LogLine("stage.ended", {"stage": "infer"}))
    door.worker.claims.finish(run, Commit((), {"ok": True}, {}, actual_s=0.1), lines=[line])


def test_of_a_task_nothing_is_missed_or_told_twice(door: FrontDoor, client: Client, line: FaultProxy) -> None:
    task = client.submit("system.echo")
    events = client.events(task.id)
    assert word(next(events)) == "queued"
    line.reset()
    run = door.next_run()
    assert word(next(events)) == "running"
    door.worker.claims.beat([Beat(run, Progress("infer", 0.5, 1, 2))])
    assert next(events).data["fraction"] == 0.5
    with line.down():
        finish(door, run)
    rest = [event for event in events if event.name != "progress"]  # the present progress may be told again
    assert [word(event) for event in rest] == ["log", "succeeded"]
    assert rest[-1].has_ended
    assert list(client.events(task.id, after=rest[-1].cursor)) == []
    assert [(entry.event, entry.fields) for entry in client.logs(task.id)] == [("stage.ended", {"stage": "infer"})]


def test_of_a_project_nothing_is_missed_even_if_nothing_had_been_heard(client: Client, line: FaultProxy) -> None:
    first = client.submit("system.echo").id
    with closing(client.events()) as events:
        second = client.submit("system.echo").id
        seen = [next(events)]
        line.reset()
        third = client.submit("system.echo").id
        seen.append(next(events))
    assert first not in {event.task_id for event in seen}
    assert [event.task_id for event in seen] == [second, third]
