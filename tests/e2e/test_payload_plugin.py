"""Proof 2 of Delivery: a document that is saved in Payload becomes a task, its artifacts lie in S3, and the document
shows how it ended, with its outputs: told over REST, and told by webhook.
"""

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from live_stack import LiveStack
from made_media import noise
from payload_cms_server import has_node, payload
from PIL import Image
from processes import wait_for

from orchestrator.local.loopback import pick_ports

pytestmark = [pytest.mark.timeout(120), pytest.mark.skipif(not has_node(), reason="there is no Node.js for Payload")]

ENLARGED = {"width": 96, "height": 64, "scale": 2}


@dataclass(frozen=True)
class Desk:
    """Where an editor works: a Payload with the plugin, and the API of the project that it submits to."""

    cms: httpx.Client
    api: httpx.Client

    def save(self, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        answer = self.cms.post("/inference-jobs", json=fields).raise_for_status()
        saved: dict[str, Any] = answer.json()["doc"]
        return saved

    def upload(self, still: Path) -> dict[str, Any]:
        """As a relation to it."""
        file = {"file": ("still.png", still.read_bytes())}
        answer = self.cms.post("/media", data={"_payload": "{}"}, files=file).raise_for_status()
        return {"relationTo": "media", "value": answer.json()["doc"]["id"]}

    def look(self, saved: Mapping[str, Any]) -> dict[str, Any]:
        shown: dict[str, Any] = self.cms.get(f"/inference-jobs/{saved['id']}").raise_for_status().json()
        return shown

    def await_end(self, saved: Mapping[str, Any]) -> dict[str, Any]:
        """The document once it shows an end; it is the only one that shows its task."""
        wait_for(lambda: self.look(saved)["completedAt"] is not None, within_s=60)
        shown = self.look(saved)
        assert shown["externalId"], shown["error"]
        where = {"where[externalId][equals]": shown["externalId"]}
        assert self.cms.get("/inference-jobs", params=where).json()["totalDocs"] == 1
        return shown


def editor(url: str, api_key: str) -> httpx.Client:
    """Comes with a key, since a session is no different here."""
    return httpx.Client(base_url=url, headers={"Authorization": f"users API-Key {api_key}"}, timeout=30)


@pytest.fixture
def desk(stack: LiveStack) -> Iterator[Desk]:
    """In the stack's own Payload, which the node writes into over REST."""
    about = stack.about["payload"]
    with editor(about["url"], about["api_key"]) as cms:
        yield Desk(cms, stack.http)


@pytest.fixture(scope="module")
def webhook_desk(stack: LiveStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """In a Payload that the node knows as the receiver of a project's webhooks, and as nothing else."""
    project, (port,) = f"film-{secrets.token_hex(4)}", pick_ports(1)
    stack.http.post("/v1/projects", json={"slug": project}).raise_for_status()
    key = stack.http.post("/v1/keys", json={"project": project, "scopes": ["tasks:write"]}).raise_for_status().json()
    with httpx.Client(
        base_url=stack.about["api"], headers={"Authorization": f"Bearer {key['key']}"}, timeout=30
    ) as api:
        receiver = {"url": f"http://127.0.0.1:{port}/api/orchestrator/webhook"}
        made = api.post("/v1/webhooks", json=receiver).raise_for_status().json()
        node = {"node_url": stack.about["api"], "node_key": key["key"], "webhook_secret": made["secret"]}
        with payload(tmp_path_factory.mktemp("cms"), id_type="uuid", port=port, node=node) as server:
            assert api.post(f"/v1/webhooks/{made['id']}:ping").json()["ok"]
            with editor(f"{server.url}/api", server.api_key) as cms:
                yield Desk(cms, api)


@pytest.fixture
def still(tmp_path: Path) -> Path:
    Image.fromarray(noise(secrets.randbits(16), width=48, height=32)).save(tmp_path / "still.png")
    return tmp_path / "still.png"


def artifact(desk: Desk, shown: Mapping[str, Any]) -> bytes:
    """What lies in storage, by the task's own word."""
    outputs = desk.api.get(f"/v1/tasks/{shown['externalId']}").json()["outputs"]
    output = next(output for output in outputs if output["content_type"] == "image/png")
    stored = httpx.get(output["url"]).raise_for_status().content
    assert len(stored) == output["size_bytes"]
    return stored


def test_a_saved_document_is_a_task_whose_outputs_are_told_over_rest(desk: Desk, still: Path) -> None:
    media = desk.upload(still)
    asked = {"type": "image.upscale", "input": {"payload": {"collection": "media", "id": media["value"]}}}
    wait_for(lambda: desk.api.post("/v1/tasks:estimate", json=asked).json()["accepted"])  # keys are known for a moment
    saved = desk.save(type="image.upscale", params={"scale": 2}, input=media)
    shown = desk.await_end(saved)
    assert (shown["status"], shown["result"], shown["progress"]) == ("succeeded", ENLARGED, 1)
    (output,) = shown["outputs"]
    assert output["filename"] == f"upscaled-{shown['externalId']}.png"
    made = desk.cms.get(httpx.URL(output["url"]).path.removeprefix("/api")).raise_for_status().content
    assert made == artifact(desk, shown)


def test_a_saved_document_is_a_task_whose_outputs_are_told_by_webhook(webhook_desk: Desk, still: Path) -> None:
    """The node has no key to this Payload, so the plugin sends it the file."""
    desk = webhook_desk
    saved = desk.save(type="image.upscale", params={"scale": 2}, input=desk.upload(still))
    shown = desk.await_end(saved)
    assert (shown["status"], shown["result"], shown["progress"]) == ("succeeded", ENLARGED, 1)
    link = next(link for link in shown["links"] if link["externalId"].endswith(".png"))
    redirect = desk.cms.get(link["url"].removeprefix("/api"))
    assert httpx.get(redirect.headers["Location"]).content == artifact(desk, shown)


def test_a_document_is_canceled_and_retried_from_the_cms(webhook_desk: Desk) -> None:
    desk = webhook_desk
    saved = desk.save(type="system.echo", params={"delay_ms": 60_000})
    wait_for(lambda: desk.look(saved)["status"] == "running")
    desk.cms.patch(f"/inference-jobs/{saved['id']}", json={"action": "cancel"}).raise_for_status()
    canceled = desk.await_end(saved)
    assert canceled["status"] == "canceled"
    desk.cms.patch(f"/inference-jobs/{saved['id']}", json={"action": "retry"}).raise_for_status()
    wait_for(lambda: (now := desk.look(saved))["generation"] == 2 and now["status"] == "running")
    assert desk.look(saved)["externalId"] == canceled["externalId"]
    desk.cms.post(f"/inference-jobs/{saved['id']}/cancel").raise_for_status()
    assert desk.await_end(saved)["generation"] == 2
