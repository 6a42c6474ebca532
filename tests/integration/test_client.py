"""The Python client and the command line against the real API, the real store and the real object storage."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import servers
from front_door import KEYS, FrontDoor
from typer.testing import CliRunner, Result

from orchestrator.adapters.s3_storage import S3Storage
from orchestrator.cli.app import build_cli
from orchestrator.client import ApiError, Client, Options, Task
from orchestrator.domain.errors import Category
from orchestrator.domain.retry import GiveUp
from orchestrator.domain.task import Failure


@pytest.fixture
def storage(r2_server: servers.SeaweedFs) -> S3Storage:
    return S3Storage(r2_server.address)


@pytest.fixture
def client(door: FrontDoor) -> Iterator[Client]:
    with Client(door.url, KEYS["film-a"]) as client:
        yield client


@pytest.fixture
def still(tmp_path: Path) -> Path:
    path = tmp_path / "a still.png"
    path.write_bytes(bytes(range(256)) * 4096)
    return path


def run_cli(door: FrontDoor, *words: str) -> Result:
    environment = {"ORCH_URL": door.url, "ORCH_API_KEY": KEYS["film-a"], "COLUMNS": "200"}
    return CliRunner().invoke(build_cli(), list(words), env=environment)


def test_from_a_file_to_files(door: FrontDoor, client: Client, still: Path, tmp_path: Path) -> None:
    sent: list[tuple[int, int]] = []
    key = client.upload(still, on_progress=lambda done, total: sent.append((done, total)))
    assert key.startswith("projects/film-a/uploads/upload_")
    assert key.endswith("/a-still.png")
    assert sent[-1] == (2**20, 2**20)
    assert len(sent) > 1
    task = client.submit("image.upscale", key, scale=2, options=Options(labels={"shot": "12b"}))
    assert (task.status, task.labels, task.input and task.input["size_bytes"]) == ("queued", {"shot": "12b"}, 2**20)

    def work(seen: Task) -> None:
        if seen.status == "queued":
            door.worker.finish(door.worker.claim("image"), {"still.txt": b"large"}, scratch=tmp_path)

    done = client.wait(task.id, timeout_s=10, on_update=work)
    assert done.has_succeeded
    assert done.result == {"files": 1}
    out = tmp_path / "out"
    out.mkdir()
    (output,) = done.outputs
    assert client.download(output, out).read_bytes() == b"large"
    assert [path.name for path in out.iterdir()] == ["still.txt"]


def test_a_file_that_was_worked_on_is_not_worked_on_again(door: FrontDoor, client: Client, still: Path) -> None:
    shared = Options(dedupe="content")
    first, second = (client.submit("image.upscale", still, options=shared) for _ in range(2))
    said = run_cli(door, "submit", "image.upscale", str(still), "--dedupe", "--json")
    assert (first.follows, client.get(second.id).follows) == (None, first.id)
    assert client.get(json.loads(said.stdout)["id"]).follows == first.id
    assert client.submit("image.upscale", still).follows is None


def test_pages_are_followed(client: Client) -> None:
    made = {client.submit("system.echo").id for _ in range(5)}
    assert {task.id for task in client.list(page_size=2)} == made
    assert {task.id for task in client.list(status="queued", type="system.echo")} == made
    assert list(client.list(status="failed")) == []


def test_cancel_and_retry(client: Client) -> None:
    task = client.submit("system.echo")
    assert client.cancel(task.id).status == "canceled"
    assert client.retry(task.id, generation=1).generation == 2
    with pytest.raises(ApiError, match="generation 2 already") as refused:
        client.retry(task.id, generation=1)
    assert (refused.value.status, refused.value.code) == (409, "generation_changed")


def test_what_is_wrong_is_said_field_by_field(client: Client) -> None:
    with pytest.raises(ApiError) as refused:
        client.submit("system.echo", size_bytes=0)
    assert [flaw.field for flaw in refused.value.fields] == ["params.size_bytes"]


def test_types_are_listed(client: Client) -> None:
    types = {found.name: found for found in client.task_types()}
    assert types["system.echo"].accepts == ()
    assert types["image.upscale"].accepts == ("picture",)
    assert "scale" in types["image.upscale"].params["properties"]


def test_submit_on_the_command_line(door: FrontDoor, client: Client, still: Path) -> None:
    shown = run_cli(door, "submit", "image.upscale", str(still), "--param", "scale=2", "--json")
    assert shown.exit_code == 0, shown.output
    task = client.get(json.loads(shown.stdout)["id"])
    assert (task.params["scale"], task.input and task.input["size_bytes"]) == (2, 2**20)


def test_a_submit_takes_an_address_labels_and_a_priority(door: FrontDoor) -> None:
    words = ("submit", "video.shots", "https://media.example.com/a.mp4", "--label", "shot=12", "--priority", "high")
    task = json.loads(run_cli(door, *words, "--json").stdout)
    assert (task["input"]["url"], task["labels"], task["priority"]) == (words[2], {"shot": "12"}, "high")
    assert run_cli(door, "submit", "image.upscale", "no such file").exit_code == 2
    assert run_cli(door, "submit", "system.echo", "--param", "options=1").exit_code == 2


def test_out_waits_for_the_files_and_fetches_them(door: FrontDoor, still: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "out"
    with ThreadPoolExecutor(1) as pool:
        work = pool.submit(lambda: door.worker.finish(door.next_run(), {"still.txt": b"large"}, scratch=tmp_path))
        shown = run_cli(door, "submit", "image.upscale", str(still), "--out", str(out))
        work.result()
    assert shown.exit_code == 0, shown.output
    assert "succeeded" in shown.stdout
    assert (out / "still.txt").read_bytes() == b"large"


def test_a_task_that_fails_ends_a_watch_with_status_one(door: FrontDoor) -> None:
    failure = Failure("echo_failed", Category.INTERNAL, "the task asked to fail")
    with ThreadPoolExecutor(1) as pool:
        work = pool.submit(lambda: door.worker.claims.fail(door.next_run(), failure, decision=GiveUp()))
        shown = run_cli(door, "submit", "system.echo", "--watch")
        work.result()
    assert shown.exit_code == 1
    assert "the task asked to fail (echo_failed, internal)" in shown.stdout


def test_a_refusal_ends_with_status_one_and_says_what_is_wrong(door: FrontDoor) -> None:
    refused = run_cli(door, "submit", "system.echo", "--param", "size_bytes=0")
    assert refused.exit_code == 1
    assert "error: the parameters do not fit system.echo (invalid_params)\n  params.size_bytes:" in refused.stderr
    missing = run_cli(door, "tasks", "show", "task_nothing")
    assert (missing.exit_code, missing.stdout) == (1, "")


def test_tasks_on_the_command_line(door: FrontDoor, client: Client) -> None:
    task = client.submit("system.echo")
    assert [found["id"] for found in json.loads(run_cli(door, "tasks", "list", "--json").stdout)] == [task.id]
    assert task.id in run_cli(door, "tasks", "list", "--status", "queued").stdout
    assert "queued" in run_cli(door, "tasks", "show", task.id).stdout
    assert json.loads(run_cli(door, "tasks", "cancel", task.id, "--json").stdout)["status"] == "canceled"
    assert json.loads(run_cli(door, "tasks", "retry", task.id, "--json").stdout)["generation"] == 2
