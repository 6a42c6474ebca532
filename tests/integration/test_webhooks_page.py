"""docs/webhooks.md does what it says: its receivers are run and sent to, and its table of events is the code's."""

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from processes import wait_for
from webhook_room import post

from orchestrator.adapters.web import WebhookPost
from orchestrator.domain.errors import Unavailable
from orchestrator.domain.sending import WEBHOOKS
from orchestrator.domain.webhook import EventType, Secrets, render_secret
from orchestrator.local.payload import NodeMissing, find_node
from orchestrator.ports.webhooks import Message

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "webhooks.md").read_text(encoding="utf-8")
LOOPBACK = "127.0.0.2"  # the public network of `webhook_room`
OURS, ANOTHERS = Secrets(b"o" * 32), Secrets(b"a" * 32)
MESSAGE = Message("msg_1", b'{"type":"task.succeeded","data":{"id":"task_1"}}')


def example(language: str) -> str:
    (found,) = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    return str(found)


@contextmanager
def running(command: Sequence[str], *, port: int, heard: Path) -> Iterator[str]:
    """The receiver's address; what it takes is a line in ``heard``."""
    env = {**os.environ, "WEBHOOK_SECRET": render_secret(OURS.newest), "PORT": str(port), "HEARD": str(heard)}
    process = subprocess.Popen(command, env=env, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: _answers(port), within_s=20)
        yield f"http://{LOOPBACK}:{port}/hooks"
    finally:
        process.kill()
        process.wait()


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((LOOPBACK, port)) == 0


def free_port() -> int:
    with socket.create_server(("", 0)) as server:
        return int(server.getsockname()[1])


def is_taken(sender: WebhookPost, url: str, *, secrets: Secrets) -> bool:
    try:
        sender.send(url, MESSAGE, secrets=secrets)
    except Unavailable:
        return False
    return True


def python(folder: Path) -> list[str]:
    take = (
        "import os\nSECRET, PORT = os.environ['WEBHOOK_SECRET'], int(os.environ['PORT'])\n"
        "def take(message):\n    print(message['type'], file=open(os.environ['HEARD'], 'a'))\n"
    )
    (folder / "receiver.py").write_text(take + example("python"))
    return [sys.executable, "-W", "ignore", str(folder / "receiver.py")]


def javascript(folder: Path) -> list[str]:
    try:
        node = find_node()
    except NodeMissing as missing:
        pytest.skip(str(missing))
    take = (
        'import { appendFileSync } from "node:fs";\n'
        'const take = (message) => appendFileSync(process.env.HEARD, message.type + "\\n");\n'
    )
    (folder / "receiver.mjs").write_text(take + example("js"))
    return [node, str(folder / "receiver.mjs")]


@pytest.mark.parametrize("language", [python, javascript])
def test_a_receiver_takes_what_is_signed_and_nothing_else(
    language: Callable[[Path], list[str]], tmp_path: Path
) -> None:
    heard, command = tmp_path / "heard", language(tmp_path)
    with running(command, port=free_port(), heard=heard) as url, closing(post()) as sender:
        assert is_taken(sender, url, secrets=OURS)
        assert is_taken(sender, url, secrets=Secrets(ANOTHERS.newest, OURS.newest)), "either signature will do"
        assert not is_taken(sender, url, secrets=ANOTHERS)
    assert heard.read_text().splitlines() == ["task.succeeded"] * 2


def test_a_receiver_is_of_ten_lines() -> None:
    assert len([line for line in example("python").splitlines() if line]) == 10


def test_every_event_is_in_the_table() -> None:
    assert re.findall(r"^\| `(task\.\w+)` \|", PAGE, re.MULTILINE) == list(EventType)


def test_the_message_of_the_page_is_json_of_an_event() -> None:
    assert json.loads(example("json"))["type"] in set(EventType)


def test_the_schedule_of_the_page_is_that_of_the_code() -> None:
    hours = [wait_s / 3600 for wait_s in WEBHOOKS.waits_s[-4:]]
    assert [*WEBHOOKS.waits_s[:-4], *hours] == [5, 30, 120, 600, 1800, 1, 3, 7, 12]
    assert "after about 5 s, 30 s, 2 min, 10 min, 30 min, 1 h, 3 h, 7 h and 12 h" in " ".join(PAGE.split())
