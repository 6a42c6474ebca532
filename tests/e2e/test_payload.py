"""A picture that lies in a real PayloadCMS is enlarged, and lies there beside the first: with every real server."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from live_stack import LiveStack
from made_media import noise
from payload_cms_server import has_node
from PIL import Image
from processes import wait_for

pytestmark = [pytest.mark.timeout(120), pytest.mark.skipif(not has_node(), reason="there is no Node.js for Payload")]


@pytest.fixture
def editor(stack: LiveStack) -> Iterator[httpx.Client]:
    payload = stack.about["payload"]
    key = {"Authorization": f"users API-Key {payload['api_key']}"}
    with httpx.Client(base_url=payload["url"], headers=key, params={"depth": 0}, timeout=30) as editor:
        yield editor


def find(editor: httpx.Client, task_id: str) -> dict[str, Any]:
    """The one document that shows the task, once it has ended."""
    found: list[dict[str, Any]] = []

    def has_ended() -> bool:
        answer = editor.get("/inference-jobs", params={"where[externalId][equals]": task_id, "depth": 0})
        found[:] = answer.raise_for_status().json()["docs"]
        return [doc["status"] for doc in found] == ["succeeded"]

    wait_for(has_ended)
    return found[0]


def upload(editor: httpx.Client, picture: Path) -> int:
    Image.fromarray(noise(5, width=48, height=32)).save(picture)
    with picture.open("rb") as file:
        answer = editor.post("/media", data={"_payload": "{}"}, files={"file": (picture.name, file, "image/png")})
    made: int = answer.raise_for_status().json()["doc"]["id"]
    return made


def test_a_picture_of_payload_is_enlarged_and_shown_there(
    stack: LiveStack, editor: httpx.Client, tmp_path: Path
) -> None:
    media = upload(editor, tmp_path / "still.png")
    task = stack.show("submit", "image.upscale", f"payload:media/{media}", "--param", "scale=2", "--watch")
    assert (task["status"], task["input"]["payload"]["id"]) == ("succeeded", media)
    document = find(editor, task["id"])
    assert document["result"] == {"width": 96, "height": 64, "scale": 2}
    (output,) = (editor.get(f"/media/{made}").json() for made in document["outputs"])
    assert (output["width"], output["height"], output["mimeType"]) == (96, 64, "image/png")


def test_a_document_that_was_there_before_its_task_is_the_one_that_shows_it(
    stack: LiveStack, editor: httpx.Client
) -> None:
    made = editor.post("/inference-jobs", json={"type": "image.upscale", "status": "failed"}).raise_for_status()
    own = made.json()["doc"]["id"]
    task = stack.show("submit", "system.echo", "--label", f"payload_document={own}")
    document = find(editor, task["id"])
    assert (document["id"], document["type"]) == (own, "system.echo")
