"""Telling others what became of tasks."""

from datetime import timedelta

from pydantic import Field

from orchestrator.settings.section import Section


class DeliverySettings(Section):
    """What io workers send to PayloadCMS, webhooks and the journal, beside their tasks."""

    slots: int = Field(32, ge=1, description="Deliveries that one child of an io worker sends at once.")
    at_once: int = Field(8, ge=1, description="Deliveries of a project that are sent to one host at once.")
    payload_at_once: int = Field(4, ge=1, description="The same to PayloadCMS.")
    progress_every: timedelta = Field(
        timedelta(seconds=5), gt=timedelta(0), description="Progress is told no more often to who asks for it."
    )
