"""`/v1/webhooks`: whom a project wants told of its tasks, and what signs what they are told."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Path, Response

from orchestrator.api.deps import Parts, TaskReader, TaskWriter
from orchestrator.api.problems import AUTHENTICATED, OF_ONE_THING, SUBMITS, WITH_BODY, problem_docs
from orchestrator.api.times import time_of, time_or_none
from orchestrator.api.webhook_shapes import (
    NewWebhookView,
    PingView,
    RotateBody,
    SecretView,
    WebhookBody,
    WebhookChange,
    WebhookList,
    WebhookView,
)
from orchestrator.domain.delivery import Answer
from orchestrator.domain.webhook import Endpoint, SigningSecret
from orchestrator.services.webhooks.change_webhook import WantedChange
from orchestrator.services.webhooks.ping_webhook import OK

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"])

WebhookId = Annotated[str, Path(pattern=r"^whk_[0-9a-z]{26}$", examples=["whk_01m82wee72bfd54k32vk1sb59e"])]


@router.post("", status_code=HTTPStatus.CREATED, responses=problem_docs(SUBMITS))
def create_webhook(caller: TaskWriter, body: WebhookBody, parts: Parts, response: Response) -> NewWebhookView:
    """Register an endpoint and ping it. Its secret is in this answer and nowhere else; a ping that fails changes
    nothing.
    """
    made = parts.webhooks.register.register(caller.project, body.parse(), description=body.description)
    response.headers["Location"] = f"/v1/webhooks/{made.endpoint.id}"
    return NewWebhookView(**_facts(made.endpoint), secret=made.secret, ping=_render_ping(made.ping))


@router.get("", responses=problem_docs(AUTHENTICATED))
def list_webhooks(caller: TaskReader, parts: Parts) -> WebhookList:
    """The project's endpoints."""
    return WebhookList(items=[_render(each) for each in parts.webhooks.endpoints.list(caller.project.slug)])


# Before the routes of one endpoint, which would take `secret` for the id of one.
@router.get("/secret", responses=problem_docs(AUTHENTICATED))
def show_secret(caller: TaskWriter, parts: Parts) -> SecretView:
    """The project's own secret, which signs for the webhooks that its tasks name; made when it is first asked for."""
    return _render_secret(parts.webhooks.show_secret.show(caller.project))


@router.post("/secret:rotate", responses=problem_docs(WITH_BODY))
def rotate_own_secret(caller: TaskWriter, parts: Parts, body: RotateBody | None = None) -> SecretView:
    """Give the project a new secret for the webhooks that its tasks name."""
    return _render_secret(parts.webhooks.rotate.rotate(caller.project, overlap_s=body.overlap_s if body else None))


@router.get("/{webhook_id}", responses=problem_docs(OF_ONE_THING))
def get_webhook(caller: TaskReader, webhook_id: WebhookId, parts: Parts) -> WebhookView:
    """One endpoint."""
    return _render(parts.webhooks.endpoints.get(caller.project.slug, webhook_id))


@router.patch("/{webhook_id}", responses=problem_docs((*WITH_BODY, HTTPStatus.NOT_FOUND)))
def change_webhook(caller: TaskWriter, webhook_id: WebhookId, body: WebhookChange, parts: Parts) -> WebhookView:
    """Change an endpoint. What is on its way to it already keeps its ids and its order."""
    events = None if body.events is None else tuple(body.events)
    wanted = WantedChange(body.url, events, body.description, body.enabled)
    return _render(parts.webhooks.change.change(caller.project, webhook_id, wanted=wanted))


@router.delete("/{webhook_id}", status_code=HTTPStatus.NO_CONTENT, responses=problem_docs(OF_ONE_THING))
def delete_webhook(caller: TaskWriter, webhook_id: WebhookId, parts: Parts) -> None:
    """Forget an endpoint. What it was still to be told is given up."""
    parts.webhooks.endpoints.delete(caller.project.slug, webhook_id)


@router.post("/{webhook_id}:rotate", responses=problem_docs((*WITH_BODY, HTTPStatus.NOT_FOUND)))
def rotate_secret(
    caller: TaskWriter, webhook_id: WebhookId, parts: Parts, body: RotateBody | None = None
) -> SecretView:
    """Give an endpoint a new secret. The old one signs as well for a while, so that no message is refused meanwhile."""
    overlap_s = body.overlap_s if body else None
    return _render_secret(parts.webhooks.rotate.rotate(caller.project, webhook_id, overlap_s=overlap_s))


@router.post("/{webhook_id}:ping", responses=problem_docs(OF_ONE_THING))
def ping_webhook(caller: TaskWriter, webhook_id: WebhookId, parts: Parts) -> PingView:
    """Send `webhook.ping` now, signed as everything, and tell what came of it: within 15 seconds, and once."""
    return _render_ping(parts.webhooks.ping.ping(parts.webhooks.endpoints.unseal(caller.project.slug, webhook_id)))


def _render(endpoint: Endpoint) -> WebhookView:
    return WebhookView(**_facts(endpoint))


def _facts(endpoint: Endpoint) -> dict[str, Any]:
    return {
        "id": endpoint.id,
        "url": endpoint.receiver.url,
        "events": list(endpoint.receiver.events),
        "description": endpoint.description,
        "enabled": endpoint.disabled_reason is None,
        "disabled_reason": endpoint.disabled_reason,
        "two_secrets_until": time_or_none(endpoint.two_secrets_until_ms),
        "created_at": time_or_none(endpoint.created_at_ms),
    }


def _render_secret(secret: SigningSecret) -> SecretView:
    return SecretView(secret=secret.text, both_until=time_or_none(secret.both_until_ms))


def _render_ping(answer: Answer) -> PingView:
    at = time_of(answer.at_ms)
    return PingView(ok=answer.code == OK, code=answer.code, detail=answer.message, at=at)
