"""A sender of webhooks whose public network is 127.0.0.2, for tests against receivers on loopback."""

import ssl

from fetch_room import FOUND
from hostile_web import REACH, Names

from orchestrator.adapters.web import WebhookPost
from orchestrator.domain.web_address import Reach
from orchestrator.domain.webhook import Secrets
from orchestrator.ports.web import NameResolver
from orchestrator.ports.webhooks import Message

SECRETS = Secrets(b"n" * 32)
MESSAGE = Message("msg_1", b'{"type":"task.succeeded"}')


def post(
    resolver: NameResolver | None = None,
    *,
    reach: Reach = REACH,
    timeout_s: float = 5.0,
    tls: ssl.SSLContext | None = None,
) -> WebhookPost:
    context = tls or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return WebhookPost(resolver or Names(FOUND), reach, timeout_s=timeout_s, tls=lambda: context)
