"""`orchestrator watch`, `events` and `logs` against the real API."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from front_door import KEYS, FrontDoor
from typer.testing import CliRunner, Result

from orchestrator.cli.app import build_cli
from orchestrator.cli.follow import describe
from orchestrator.client import Client, Event
from orchestrator.domain.errors import Category
from orchestrator.domain.log_line import LogLine, Said
from orchestrator.domain.retry import GiveUp
from orchestrator.domain.task import Failure
from orchestrator.ports.claims import Commit

LINE = Said(1, 0.5, LogLine("stage.ended", {"stage": "infer", "took_s": 1.5}))


def run_cli(door: FrontDoor, *words: str) -> Result:
    environment = {"ORCH_URL": door.url, "ORCH_API_KEY": KEYS["film-a"], "COLUMNS": "200"}
    return CliRunner().invoke(build_cli(), list(words), env=environment)


@pytest.fixture
def task_id(door: FrontDoor) -> str:
    with Client(door.url, KEYS["film-a"]) as client:
        return client.submit("system.echo").id


def succeed(door: FrontDoor) -> None:
    door.worker.claims.finish(door.next_run(), Commit((), {"ok": True}, {}, actual_s=0.1), lines=[LINE])


def test_events_are_told_a_line_each_until_the_task_ends(door: FrontDoor, task_id: str) -> None:
    with ThreadPoolExecutor(1) as pool:
        work = pool.submit(succeed, door)
        told = run_cli(door, "events", task_id)
        work.result()
    assert told.exit_code == 0, told.output
    lines = [line[10:] for line in told.stdout.splitlines() if line[10:] not in {"queued", "running"}]
    assert lines == ["info stage.ended stage=infer took_s=1.5", "succeeded"]


def test_events_for_programs_say_where_to_go_on(door: FrontDoor, task_id: str) -> None:
    succeed(door)
    told = [json.loads(line) for line in run_cli(door, "events", task_id, "--json").stdout.splitlines()]
    assert [(event["event"], event.get("status")) for event in told][-1] == ("status", "succeeded")
    rest = run_cli(door, "events", task_id, "--json", "--after", told[1]["id"]).stdout.splitlines()
    assert [json.loads(line)["id"] for line in rest] == [event["id"] for event in told[2:]]


def test_watch_ends_with_the_task_and_its_fortune(door: FrontDoor, task_id: str) -> None:
    failure = Failure("echo_failed", Category.INTERNAL, "the task asked to fail")
    with ThreadPoolExecutor(1) as pool:
        work = pool.submit(lambda: door.worker.claims.fail(door.next_run(), failure, decision=GiveUp()))
        shown = run_cli(door, "watch", task_id)
        work.result()
    assert shown.exit_code == 1
    assert "the task asked to fail (echo_failed, internal)" in shown.stdout


def test_logs_are_shown_and_followed(door: FrontDoor, task_id: str) -> None:
    succeed(door)
    (line,) = run_cli(door, "logs", task_id).stdout.splitlines()
    assert line[10:] == "info stage.ended stage=infer took_s=1.5"
    (followed,) = run_cli(door, "logs", task_id, "--follow").stdout.splitlines()
    assert followed == line
    (shown,) = run_cli(door, "logs", task_id, "--json").stdout.splitlines()
    assert json.loads(shown)["fields"] == {"stage": "infer", "took_s": 1.5}


@pytest.mark.parametrize(
    ("name", "data", "line"),
    [
        ("status", {"status": "queued", "reason": "crashed"}, "queued crashed"),
        ("status", {"status": "failed", "error": {"code": "timeout", "message": "Slow."}}, "failed Slow. (timeout)"),
        ("progress", {"fraction": 0.5, "stage": "infer", "done": 6, "total": 12}, "infer 50% (6 of 12)"),
        ("output", {"name": "a.png", "size_bytes": 6120334}, "output a.png, 6,120,334 bytes"),
        ("gap", {"status": "running"}, "what came before is forgotten (running)"),
        ("of_tomorrow", {"x": 1}, 'of_tomorrow {"x": 1}'),
    ],
)
def test_an_event_is_a_line(name: str, data: dict[str, object], line: str) -> None:
    assert describe(Event(name, data, None)) == f"--:--:--  {line}"
