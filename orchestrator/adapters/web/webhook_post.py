"""`MessageSender` over httpcore: signed POSTs on connections that are kept, each of them made behind the guard.

A connection that is used again leads to the address that was judged when it was made: no name is looked up for it.
"""

import ssl
import time
from collections.abc import Callable
from functools import cached_property

import httpcore
import structlog

from orchestrator.adapters.web.guard import Deadline, Guard
from orchestrator.adapters.web.kept_connections import KeptConnections
from orchestrator.adapters.web.webhook_status import address_refused, require_taken, translated
from orchestrator.adapters.web.wire import render_address
from orchestrator.domain.web_address import Reach, parse_web_address
from orchestrator.domain.webhook import Secrets, sign
from orchestrator.ports.web import NameResolver
from orchestrator.ports.webhooks import Message

IDLE_S = 4.0  # Node closes a connection that is idle for five, maybe just when we use it again
READ_BYTES = 4096  # an answer that is longer costs its connection

log = structlog.get_logger()


class WebhookPost:
    """``timeout_s`` is for all of a try: look-up, connection and answer. ``tls`` is asked for at the first message."""

    def __init__(
        self, resolver: NameResolver, reach: Reach, *, timeout_s: float, tls: Callable[[], ssl.SSLContext]
    ) -> None:
        self._resolver = resolver
        self._reach = reach
        self._timeout_s = timeout_s
        self._tls = tls
        self._deadline = Deadline()

    def send(self, url: str, message: Message, *, secrets: Secrets) -> str:
        address = parse_web_address(url, name="url")
        if not self._reach.allows_scheme(address):
            raise address_refused("the message would go over http, without encryption")
        headers = [
            ("Host", address.authority),
            ("User-Agent", "orchestrator"),
            ("Accept", "*/*"),
            ("Accept-Encoding", "identity"),
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(message.body))),
            *_signed(message, secrets),
        ]
        timeout = dict.fromkeys(("connect", "read", "write", "pool"), self._timeout_s)
        self._deadline.ends_s = time.monotonic() + self._timeout_s
        target = render_address(address)
        with (
            translated(address.host),
            self._connections.borrowed(target.origin) as connection,
            connection.stream(
                "POST", target, headers=headers, content=message.body, extensions={"timeout": timeout}
            ) as answer,
        ):
            said = _read(answer)
            log.debug("webhook.answered", host=address.host, message_id=message.id, status=answer.status)
            return require_taken(answer, said)

    def close(self) -> None:
        """End the connections that are kept."""
        if "_connections" in vars(self):
            self._connections.close()

    @cached_property
    def _connections(self) -> KeptConnections:
        tls, guard = self._tls(), Guard(self._resolver, self._reach, self._deadline)
        return KeptConnections(
            lambda origin: httpcore.HTTPConnection(
                origin, ssl_context=tls, keepalive_expiry=IDLE_S, network_backend=guard
            )
        )


def _signed(message: Message, secrets: Secrets) -> list[tuple[str, str]]:
    """The signature is of this moment: receivers refuse one that is five minutes old."""
    at_s = int(time.time())
    return [
        ("webhook-id", message.id),
        ("webhook-timestamp", str(at_s)),
        ("webhook-signature", sign(message.id, at_s, body=message.body, secrets=secrets.valid)),
    ]


def _read(answer: httpcore.Response) -> bytes:
    """The beginning of the answer. Read to its end if it is short, so that the connection can be used again."""
    said = b""
    for chunk in answer.iter_stream():
        said += chunk
        if len(said) > READ_BYTES:
            break
    return said
