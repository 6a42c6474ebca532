"""The shape of a webhook receiver, of an endpoint and of a single task."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from orchestrator.domain.webhook import EventType, GivenReceiver

ReceiverUrl = Annotated[str, Field(min_length=1, max_length=2048)]
EventTypes = Annotated[list[EventType], Field(min_length=1, max_length=2 * len(EventType))]

URL_TEXT = "A public https address. Redirects are not followed."
EVENTS_TEXT = "What it hears of: everything but `task.progress` when absent."


class ReceiverBody(BaseModel):
    """Where to send what happens."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: ReceiverUrl = Field(description=URL_TEXT)
    events: EventTypes | None = Field(None, description=EVENTS_TEXT)

    def parse(self) -> GivenReceiver:
        return GivenReceiver(self.url, tuple(self.events or ()))
