"""Ping: whether an endpoint can be reached now, and takes what we send. Whoever asks waits for the answer."""

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import BoundedSemaphore

from orchestrator.domain.delivery import Answer
from orchestrator.domain.errors import OrchestratorError
from orchestrator.domain.webhook_message import render_ping
from orchestrator.ports.webhooks import FoundEndpoint, Message, MessageSender

AT_ONCE = 4
OK = "ok"


@dataclass(frozen=True, slots=True)
class PingWebhook:
    """Slow receivers hold up `AT_ONCE` requests of this process at most; pings beyond that are not sent."""

    messages: MessageSender
    new_id: Callable[[str], str]
    room: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(AT_ONCE))

    def ping(self, found: FoundEndpoint) -> Answer:
        """Send `webhook.ping`, signed as any message, and tell what came of it. It is not tried again."""
        if not self.room.acquire(blocking=False):
            return Answer(found.at_ms, "not_sent", "many pings are on their way already; ask for one later")
        try:
            message = Message(self.new_id("ping"), render_ping(found.endpoint, at_ms=found.at_ms))
            words = self.messages.send(found.endpoint.receiver.url, message, secrets=found.secrets)
        except OrchestratorError as error:
            return Answer(found.at_ms, error.code, str(error))
        finally:
            self.room.release()
        return Answer(found.at_ms, OK, words)
