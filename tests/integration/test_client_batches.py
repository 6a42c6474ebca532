"""Estimates and batches with the Python client and on the command line, over the real API, store and object storage."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
import servers
from front_door import KEYS, FrontDoor
from typer.testing import CliRunner, Result

from orchestrator.adapters.s3_storage import S3Storage
from orchestrator.cli.app import build_cli
from orchestrator.client import Client, Options, Submission, errors


@pytest.fixture
def storage(r2_server: servers.SeaweedFs) -> S3Storage:
    return S3Storage(r2_server.address)


@pytest.fixture
def client(door: FrontDoor) -> Iterator[Client]:
    with Client(door.url, KEYS["film-a"], sleep=lambda _seconds: None) as client:
        yield client


@pytest.fixture
def stills(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{number}.png" for number in range(3)]
    for path in paths:
        path.write_bytes(b"pixels")
    return paths


def run_cli(door: FrontDoor, *words: str) -> Result:
    environment = {"ORCH_URL": door.url, "ORCH_API_KEY": KEYS["film-a"], "COLUMNS": "200"}
    return CliRunner().invoke(build_cli(), list(words), env=environment)


def test_a_file_is_estimated_where_it_lies(client: Client, stills: list[Path]) -> None:
    found = client.estimate("image.upscale", stills[0], scale=2)
    assert (found.is_accepted, found.predicted_s, found.runs, found.at_quota) == (True, 5.0, 0, False)
    assert found.queue
    assert (found.queue.position, found.queue.eta_s) == (0, None)


def test_a_refusal_is_what_a_submit_would_raise(client: Client, stills: list[Path]) -> None:
    found = client.estimate("image.upscale", stills[0], scale=3)
    assert isinstance(found.refusal, errors.InvalidParams)
    assert [flaw.field for flaw in found.refusal.fields] == ["params.scale"]
    assert (found.is_accepted, found.predicted_s, found.queue) == (False, None, None)
    assert isinstance(client.estimate("image.sharpen").refusal, errors.UnknownTaskType)


def test_a_batch_uploads_its_files_and_answers_ids_in_order(client: Client, stills: list[Path]) -> None:
    submissions = [
        Submission("image.upscale", still, {"scale": scale}, Options(labels={"file": still.name}))
        for still, scale in zip(stills, (2, 4, 2), strict=True)
    ]
    made = [client.get(task_id) for task_id in client.submit_batch([*submissions, Submission("system.echo")])]
    assert [task.labels.get("file") for task in made] == ["0.png", "1.png", "2.png", None]
    assert [task.params.get("scale") for task in made] == [2, 4, 2, None]
    assert len({task.input["object"] for task in made if task.input}) == 3


def test_a_batch_is_made_once_by_its_key(client: Client) -> None:
    echoes = [Submission("system.echo")] * 3
    first = client.submit_batch(echoes, idempotency_key="reel-7")
    assert client.submit_batch(echoes, idempotency_key="reel-7") == first
    assert client.submit_batch(echoes) != first


def test_a_batch_that_is_refused_names_its_tasks(client: Client) -> None:
    with pytest.raises(errors.BatchInvalid) as refused:
        client.submit_batch([Submission("system.echo"), Submission("system.echo", params={"size_bytes": 0})])
    assert [(flaw.field, flaw.code) for flaw in refused.value.fields] == [
        ("tasks.1.params.size_bytes", "invalid_params")
    ]


def test_an_estimate_on_the_command_line(door: FrontDoor, stills: list[Path]) -> None:
    shown = run_cli(door, "estimate", "image.upscale", str(stills[0]), "--json")
    assert (shown.exit_code, json.loads(shown.stdout)["cost"]) == (0, {"predicted_s": 5.0, "runs": 0})
    told = run_cli(door, "estimate", "image.upscale", str(stills[0])).stdout
    assert "5 s" in told
    assert "nobody knows" in told
    refused = run_cli(door, "estimate", "image.upscale")
    assert refused.exit_code == 1
    assert "needs an input: a picture (invalid_params)" in refused.stdout


def test_a_task_shows_when_it_will_start(door: FrontDoor, client: Client, redis_url: str) -> None:
    ids = client.submit_batch([Submission("video.shots", "https://a.example/film.mp4")] * 3)
    assert "starts in about" not in run_cli(door, "tasks", "show", ids[-1]).stdout
    with redis.Redis.from_url(redis_url) as records:
        records.set("orch:alive:worker-video", "1")
    shown = run_cli(door, "tasks", "show", ids[-1]).stdout
    assert "starts in about" in shown
    assert "60 s" in shown, "two films of thirty seconds come first"


def test_a_batch_on_the_command_line(door: FrontDoor, client: Client, stills: list[Path]) -> None:
    shown = run_cli(door, "batch", "image.upscale", *map(str, stills), "--param", "scale=2", "--json")
    assert shown.exit_code == 0, shown.output
    made = json.loads(shown.stdout)
    assert [entry["file"] for entry in made] == [str(still) for still in stills]
    assert [client.get(entry["id"]).params["scale"] for entry in made] == [2, 2, 2]
    refused = run_cli(door, "batch", "system.echo", *map(str, stills))
    assert refused.exit_code == 1
    assert "(batch_invalid)\n  tasks.0: system.echo takes no input" in refused.stderr
