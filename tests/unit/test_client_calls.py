"""The client against a server that follows a script: what it repeats, how long it waits, what it makes of answers."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI, Request, Response
from served_api import serve

from orchestrator.client import ApiError, Client, Options, Output
from orchestrator.client.calls import LONGEST_PAUSE_S, parse_problem, pause_s

TASK = (
    b'{"id":"task_1","type":"system.echo","status":"queued","project":"film-a","priority":"normal","input":null,'
    b'"params":{},"labels":{},"progress":{"fraction":0.0,"stage":"","done":0,"total":0},"result":null,"error":null,'
    b'"usage":{},"generation":1,"follows":null,"created_at":"2026-11-23T00:00:00Z","started_at":null,"ended_at":null,"links":{},'
    b'"queue":null,"attempts":[],"outputs":[],"added_by_a_newer_service":true}'
)
BUSY = b'{"status":503,"code":"overloaded","detail":"later","retry_after_s":7}'
CONFLICT = b'{"status":409,"code":"idempotency_conflict","detail":"used before"}'


@dataclass
class Script:
    """The answers to give, in order, and what was asked."""

    answers: list[tuple[int, bytes]]
    keys: list[str | None] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)


@contextmanager
def following(script: Script, *, tries: int = 5) -> Iterator[Client]:
    app = FastAPI()

    @app.api_route("/{path:path}", methods=["GET", "POST"])
    def answer(request: Request) -> Response:
        script.keys.append(request.headers.get("Idempotency-Key"))
        status, body = script.answers.pop(0)
        return Response(body, status_code=status, media_type="application/json")

    with serve(app) as url, Client(url, "key", tries=tries, sleep=script.pauses.append) as client:
        yield client


def test_a_busy_service_is_asked_again_with_the_same_key_after_the_pause_it_wants() -> None:
    script = Script([(503, BUSY), (503, BUSY), (202, TASK)])
    with following(script) as client:
        assert client.submit("system.echo").id == "task_1"
    assert script.pauses == [7, 7]
    assert script.keys[0]
    assert len(set(script.keys)) == 1


def test_two_submits_have_two_keys_and_a_given_key_is_kept() -> None:
    script = Script([(202, TASK)] * 3)
    with following(script) as client:
        client.submit("system.echo")
        client.submit("system.echo")
        client.submit("system.echo", options=Options(idempotency_key="mine"))
    assert script.keys[2] == "mine"
    assert len(set(script.keys)) == 3


def test_a_refusal_is_not_repeated() -> None:
    script = Script([(409, CONFLICT)])
    with following(script) as client, pytest.raises(ApiError) as refused:
        client.submit("system.echo", options=Options(idempotency_key="mine"))
    assert (refused.value.status, refused.value.code, str(refused.value)) == (
        409,
        "idempotency_conflict",
        "used before",
    )


def test_it_gives_up_after_its_tries() -> None:
    script = Script([(503, BUSY)] * 3)
    with following(script, tries=3) as client, pytest.raises(ApiError) as refused:
        client.get("task_1")
    assert (refused.value.status, refused.value.retry_after_s) == (503, 7)
    assert len(script.pauses) == 2


def test_a_retry_is_never_repeated() -> None:
    script = Script([(503, BUSY)])
    with following(script) as client, pytest.raises(ApiError):
        client.retry("task_1")
    assert script.pauses == []


def test_a_service_that_is_away_is_unreachable() -> None:
    pauses: list[float] = []
    with (
        Client("http://127.0.0.1:9", "key", tries=3, sleep=pauses.append) as client,
        pytest.raises(ApiError) as refused,
    ):
        client.get("task_1")
    assert (refused.value.status, refused.value.code) == (0, "unreachable")
    assert len(pauses) == 2


def test_an_answer_from_something_in_between_is_an_error_too() -> None:
    script = Script([(502, b"<html>bad gateway</html>")])
    with following(script) as client, pytest.raises(ApiError) as refused:
        client.get("task_1")
    assert (refused.value.status, refused.value.code) == (502, "unexpected_answer")


def test_waiting_ends_at_its_timeout() -> None:
    script = Script([(200, TASK)] * 50)
    with following(script) as client, pytest.raises(TimeoutError, match="still queued"):
        client.wait("task_1", timeout_s=0.05)


def test_waiting_reports_every_look_and_ends_with_the_task() -> None:
    done = TASK.replace(b'"queued"', b'"succeeded"')
    script = Script([(200, TASK), (200, TASK), (200, done)])
    seen: list[str] = []
    with following(script) as client:
        assert client.wait("task_1", on_update=lambda task: seen.append(task.status)).has_succeeded
    assert seen == ["queued", "queued", "succeeded"]


def test_pauses_grow_with_jitter_and_stay_bounded() -> None:
    assert 0.2 <= pause_s(1, None) <= 0.4
    assert LONGEST_PAUSE_S / 2 <= pause_s(50, None) <= LONGEST_PAUSE_S
    assert pause_s(1, 3600) == LONGEST_PAUSE_S


def test_a_damaged_download_leaves_nothing_behind(tmp_path: Path) -> None:
    app = FastAPI()

    @app.get("/shots.json")
    def damaged() -> Response:
        return Response(b"not what was promised", status_code=HTTPStatus.OK)

    with serve(app) as url, Client(url, "key") as client:
        output = Output("shots.json", f"{url}/shots.json", "application/json", 10, "0" * 64)
        with pytest.raises(ApiError, match="damaged"):
            client.download(output, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_stands_before_the_service_can_ask_for_a_pause_too() -> None:
    response = httpx.Response(
        503, headers={"Retry-After": "3"}, text="<html>", request=httpx.Request("GET", "http://a")
    )
    assert (parse_problem(response).code, parse_problem(response).retry_after_s) == ("unexpected_answer", 3)
    dated = httpx.Response(503, headers={"Retry-After": "Mon, 23 Nov 2026 00:00:00 GMT"}, request=response.request)
    assert parse_problem(dated).retry_after_s is None


def test_waiting_asks_the_service_to_wait() -> None:
    asked: list[str | None] = []
    app = FastAPI()

    @app.get("/v1/tasks/task_1")
    def answer(request: Request) -> Response:
        asked.append(request.headers.get("Prefer"))
        return Response(TASK.replace(b'"queued"', b'"succeeded"'), media_type="application/json")

    with serve(app) as url, Client(url, "key") as client:
        assert client.wait("task_1").has_succeeded
        assert client.wait("task_1", timeout_s=7.5, on_update=lambda _: None).has_succeeded
        assert client.wait("task_1", timeout_s=7.5).has_succeeded
    assert asked == ["wait=20", None, "wait=7"]
