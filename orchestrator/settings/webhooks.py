"""Webhooks: where they may go, and how long for."""

from datetime import timedelta

from pydantic import Field, IPvAnyNetwork

from orchestrator.settings.section import Section


class WebhookSettings(Section):
    """Messages to receivers that clients name. Only public addresses are reached, whatever a name resolves to (ADR
    0038). The API and the workers must be told the same.
    """

    allow_http: bool = Field(default=False, description="Also to http:// on port 80.")
    private_networks: tuple[IPvAnyNetwork, ...] = Field(
        (), description='Networks of your own that may be sent to, on any port: ["10.20.0.0/16"] (JSON).'
    )
    timeout: timedelta = Field(
        timedelta(seconds=15), gt=timedelta(0), description="A receiver has answered within this, or it has failed."
    )
    max_endpoints: int = Field(16, ge=1, description="Endpoints that a project may register.")
    rotation: timedelta = Field(
        timedelta(hours=24),
        ge=timedelta(0),
        description="After a rotation the old secret signs beside the new one for so long.",
    )
