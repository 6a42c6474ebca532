"""The shapes of webhooks: receivers, of endpoints and of single tasks, and what is answered about them."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from orchestrator.api.bodies import Request
from orchestrator.api.times import Time
from orchestrator.domain.webhook import EventType, GivenReceiver

A_WEEK_S = 7 * 86_400
ReceiverUrl = Annotated[str, Field(min_length=1, max_length=2048)]
EventTypes = Annotated[list[EventType], Field(min_length=1, max_length=2 * len(EventType))]
Description = Annotated[str, Field(max_length=200, pattern=r"^[^\x00-\x1f]*$")]

ENDPOINT_EXAMPLE: JsonDict = {
    "id": "whk_01m82wee72bfd54k32vk1sb59e",
    "url": "https://studio.example.com/hooks",
    "events": ["task.succeeded", "task.failed"],
    "description": "dailies board",
    "enabled": True,
    "disabled_reason": None,
    "two_secrets_until": None,
    "created_at": "2026-11-23T00:21:12.041Z",
}
PING_EXAMPLE: JsonDict = {
    "ok": True,
    "code": "ok",
    "detail": "answered 204",
    "at": "2026-11-23T00:21:12.041Z",
}
SECRET_EXAMPLE: JsonDict = {
    "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwVGhVd3QvR7A=",
    "both_until": "2026-11-24T00:21:12.041Z",
}


class ReceiverBody(Request):
    """Where to send what happens."""

    url: ReceiverUrl = Field(description="A public https address. Redirects are not followed.")
    events: EventTypes | None = Field(None, description="What it hears of: all but `task.progress` when absent.")

    def parse(self) -> GivenReceiver:
        return GivenReceiver(self.url, tuple(self.events or ()))


class WebhookBody(ReceiverBody):
    """A new endpoint."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "url": "https://studio.example.com/hooks",
                    "events": ["task.succeeded", "task.failed"],
                    "description": "dailies board",
                }
            ]
        }
    )

    description: Description = Field("", description="Yours.")


class WebhookChange(Request):
    """What to change of an endpoint; what is absent stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"events": ["task.failed"], "enabled": False}]})

    url: ReceiverUrl | None = None
    events: EventTypes | None = None
    description: Description | None = None
    enabled: bool | None = Field(None, strict=True, description="Nothing is sent while it is not.")


class RotateBody(Request):
    """How long the old secret signs beside the new one."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"overlap_s": 0}]})

    overlap_s: Annotated[float, Field(strict=True, ge=0, le=A_WEEK_S)] | None = Field(
        None, description="As the node is configured when absent, 24 hours mostly; 0 ends a secret that leaked."
    )


class WebhookView(BaseModel):
    """An endpoint, without its secret."""

    model_config = ConfigDict(json_schema_extra={"examples": [ENDPOINT_EXAMPLE]})

    id: str
    url: str
    events: list[EventType]
    description: str
    enabled: bool
    disabled_reason: str | None = Field(description="Why nothing is sent to it.")
    two_secrets_until: Time | None = Field(description="Until when messages bear a second signature.")
    created_at: Time


class PingView(BaseModel):
    """What a ping was answered. `code` is `ok`, or says what went wrong."""

    model_config = ConfigDict(json_schema_extra={"examples": [PING_EXAMPLE]})

    ok: bool
    code: str
    detail: str
    at: Time


class NewWebhookView(WebhookView):
    """A new endpoint. `secret` is shown here and never again."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{**ENDPOINT_EXAMPLE, "secret": SECRET_EXAMPLE["secret"], "ping": PING_EXAMPLE}]}
    )

    secret: str
    ping: PingView


class WebhookList(BaseModel):
    """Oldest first."""

    items: list[WebhookView]


class SecretView(BaseModel):
    """A signing secret. `both_until` says until when the one before it signs as well."""

    model_config = ConfigDict(json_schema_extra={"examples": [SECRET_EXAMPLE]})

    secret: str
    both_until: Time | None
