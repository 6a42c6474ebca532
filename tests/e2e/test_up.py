"""`orchestrator up`, `status` and `down` as a person types them, with every real server.

Of the models there is only `echo` here: six stacks are started, and the others would cost each ten seconds of CPU.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
import redis
from payload_cms_server import has_node
from processes import is_alive, wait_for

from orchestrator.local.state_folder import StateFolder

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.timeout(300)


@dataclass(frozen=True, slots=True)
class Node:
    """A stack of ``project`` in a folder, used through the command line and its stack.json."""

    state: Path
    project: Path
    options: tuple[str, ...] = ()

    def run(
        self, *words: str, timeout_s: float = 120.0, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        command = (sys.executable, "-m", "orchestrator", *words, "--state", str(self.state))
        return subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, timeout=timeout_s, check=False, env=env
        )

    def up(self) -> None:
        done = self.run(
            "up", "--detach", "--lanes", "io", "--workers", "1", "--project", str(self.project), *self.options
        )
        assert done.returncode == 0, done.stderr

    def down(self) -> None:
        assert self.run("down").returncode == 0

    @property
    def stack(self) -> dict[str, Any]:
        stack: dict[str, Any] = json.loads((self.state / "stack.json").read_text())
        return stack

    @property
    def state_of(self) -> dict[str, str]:
        return {part["name"]: part["state"] for part in self.stack["parts"]}

    def store(self) -> Any:  # noqa: ANN401 - boto3 makes its classes at run time
        s3 = self.stack["s3"]
        return boto3.client(
            "s3",
            endpoint_url=s3["endpoint"],
            region_name="auto",
            aws_access_key_id=s3["access_key_id"],
            aws_secret_access_key=s3["secret_access_key"],
        )


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This project with one model."""
    folder = tmp_path_factory.mktemp("project")
    for name in (".venv-triton", "triton", "integrations"):
        (folder / name).symlink_to(ROOT / name)
    shutil.copytree(ROOT / "model_repository" / "echo", folder / "model_repository" / "echo")
    return folder


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory, project: Path) -> Iterator[tuple[Node, Node]]:
    """Two stacks side by side, started at the same time; the second one has a Payload where that can run."""
    options = ("--payload",) if has_node() else ()
    pair = (Node(tmp_path_factory.mktemp("one"), project), Node(tmp_path_factory.mktemp("two"), project, options))
    with ThreadPoolExecutor() as pool:
        try:
            list(pool.map(Node.up, pair))
            yield pair
        finally:
            list(pool.map(Node.down, pair))


@pytest.fixture
def node(nodes: tuple[Node, Node]) -> Node:
    return nodes[0]


def test_every_part_is_running_and_named(node: Node) -> None:
    processes = node.stack["processes"]
    assert set(processes) == {"api", "keeper", "metrics", "redis", "s3", "triton", "worker-io"}
    assert all(is_alive(pid) for pid in processes.values())
    assert (node.state / "stack.json").stat().st_mode & 0o777 == 0o600


def test_every_address_answers(node: Node) -> None:
    stack = node.stack
    for url in (f"{stack['api']}/readyz", f"{stack['triton']['http']}/v2/health/ready", *stack["metrics"].values()):
        assert httpx.get(url).status_code == 200, url
    with redis.Redis.from_url(stack["redis"]) as client:
        assert client.config_get("appendfsync") == {"appendfsync": "always"}


def test_two_stacks_share_nothing(nodes: tuple[Node, Node]) -> None:
    one, two = (node.stack for node in nodes)
    assert all(one[key] != two[key] for key in ("api", "api_key", "redis", "s3", "triton"))
    assert not set(one["processes"].values()) & set(two["processes"].values())


@pytest.mark.skipif(not has_node(), reason="there is no Node.js for Payload")
def test_a_stack_with_payload_says_where_it_is_and_opens_it(nodes: tuple[Node, Node]) -> None:
    stack = nodes[1].stack
    assert is_alive(stack["processes"]["payload"])
    key = {"Authorization": f"users API-Key {stack['payload']['api_key']}"}
    found = httpx.get(f"{stack['payload']['url']}/projects", headers=key).json()["docs"]
    assert [project["slug"] for project in found] == ["demo"]
    assert nodes[0].stack["payload"] is None


@pytest.mark.skipif(not has_node(), reason="there is no Node.js for Payload")
def test_a_stack_with_payload_ends_with_a_document_in_it(nodes: tuple[Node, Node]) -> None:
    done = nodes[1].run("submit", "system.echo", "--param", "size_bytes=7", "--json")
    task, payload = json.loads(done.stdout), nodes[1].stack["payload"]
    with httpx.Client(headers={"Authorization": f"users API-Key {payload['api_key']}"}) as editor:

        def shown() -> list[dict[str, Any]]:
            where = {"where[externalId][equals]": task["id"], "where[status][equals]": "succeeded"}
            docs: list[dict[str, Any]] = editor.get(f"{payload['url']}/inference-jobs", params=where).json()["docs"]
            return docs

        wait_for(lambda: len(shown()) == 1)
        assert (shown()[0]["result"], shown()[0]["params"]["size_bytes"]) == ({"size_bytes": 7}, 7)


def test_a_stack_with_payload_says_what_is_missing(tmp_path: Path, project: Path) -> None:
    no_programs = {**os.environ, "PATH": str(tmp_path)}
    failed = Node(tmp_path / "state", project).run("up", "--payload", env=no_programs)
    assert failed.returncode == 1
    assert "needs Node.js 20.9 or newer: there is no `node` on the PATH" in failed.stderr


def test_status_shows_every_part(node: Node) -> None:
    shown = node.run("status")
    assert shown.returncode == 0
    assert all(name in shown.stdout for name in node.stack["processes"])


def test_a_second_stack_in_the_same_folder_is_refused(node: Node) -> None:
    refused = node.run("up")
    assert refused.returncode == 1
    assert refused.stderr.startswith("error: ")
    assert "in use" in refused.stderr


@pytest.mark.parametrize("part", ["redis", "s3", "triton", "api", "keeper", "metrics", "worker-io"])
def test_a_killed_part_comes_back(node: Node, part: str) -> None:
    before = node.stack["processes"][part]
    os.kill(before, signal.SIGKILL)
    wait_for(lambda: node.stack["processes"][part] != before)
    wait_for(lambda: node.state_of[part] == "ready")


def test_a_killed_stack_leaves_nothing_running_and_the_next_one_goes_on_with_its_data(
    tmp_path: Path, project: Path
) -> None:
    node = Node(tmp_path / "state", project)
    node.up()
    yesterday = node.stack
    node.store().put_object(Bucket=yesterday["s3"]["bucket"], Key="film", Body=b"reel")
    with redis.Redis.from_url(yesterday["redis"]) as client:
        client.set("kept", "yes")
    os.kill(yesterday["supervisor"], signal.SIGKILL)
    wait_for(lambda: not any_alive(yesterday))
    assert node.run("status").returncode == 1

    node.up()
    today = node.stack
    try:
        assert today["api_key"] == yesterday["api_key"]
        assert node.store().get_object(Bucket=today["s3"]["bucket"], Key="film")["Body"].read() == b"reel"
        with redis.Redis.from_url(today["redis"]) as client:
            assert client.get("kept") == b"yes"
    finally:
        node.down()
    assert not any_alive(today)


def test_a_stack_without_models_says_what_to_do(tmp_path: Path) -> None:
    failed = Node(tmp_path / "state", tmp_path).run("up", "--detach", "--project", str(tmp_path))
    assert failed.returncode == 1
    assert "make setup models" in failed.stderr


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_who_stops_waiting_for_a_stack_leaves_none_behind(tmp_path: Path, project: Path, how: signal.Signals) -> None:
    state = StateFolder(tmp_path / "state")
    words = ("up", "--detach", "--lanes", "io", "--project", str(project), "--state", str(state.root))
    with subprocess.Popen((sys.executable, "-m", "orchestrator", *words), cwd=ROOT, stderr=subprocess.PIPE) as waiting:
        wait_for(lambda: state.supervisor_pid() is not None, within_s=60)
        waiting.send_signal(how)
        assert waiting.wait(timeout=30) != 0
    wait_for(lambda: state.supervisor_pid() is None, within_s=60)


def any_alive(stack: dict[str, Any]) -> bool:
    return any(is_alive(pid) for pid in stack["processes"].values())
