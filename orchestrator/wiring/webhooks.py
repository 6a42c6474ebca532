"""What webhooks need: in the front door, which keeps endpoints and pings them, and where messages are sent from."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from orchestrator.adapters.aes_seal import AesSeal
from orchestrator.adapters.redis.connection import WORKER, connect
from orchestrator.adapters.redis.scripts import Scripts
from orchestrator.adapters.redis.webhooks import RedisWebhooks
from orchestrator.adapters.sortable_ids import new_id
from orchestrator.adapters.system_clock import SystemClock
from orchestrator.adapters.system_resolver import SystemResolver
from orchestrator.adapters.web import WebhookPost
from orchestrator.domain.web_address import Reach
from orchestrator.domain.webhook import SECRET_BYTES
from orchestrator.ports.destinations import Sender
from orchestrator.ports.webhooks import Webhooks
from orchestrator.services.deliveries.send_webhook import SendWebhook
from orchestrator.services.webhooks.change_webhook import ChangeWebhook
from orchestrator.services.webhooks.ping_webhook import PingWebhook
from orchestrator.services.webhooks.register_webhook import RegisterWebhook
from orchestrator.services.webhooks.rotate_secret import RotateSecret
from orchestrator.services.webhooks.show_secret import ShowSecret
from orchestrator.settings import Settings
from orchestrator.wiring.inputs import build_tls
from orchestrator.wiring.known_signing import KnownSigning

new_secret = partial(secrets.token_bytes, SECRET_BYTES)


@dataclass(frozen=True, slots=True)
class WebhookParts:
    """The endpoints, and what can be done about them."""

    endpoints: Webhooks
    register: RegisterWebhook
    change: ChangeWebhook
    rotate: RotateSecret
    show_secret: ShowSecret
    ping: PingWebhook
    close: Callable[[], None]


def build_webhook_parts(settings: Settings, scripts: Scripts) -> WebhookParts:
    endpoints, reach = build_webhooks(settings, scripts), build_webhook_reach(settings)
    post = _build_post(settings)
    ping = PingWebhook(post, new_id)
    return WebhookParts(
        endpoints=endpoints,
        register=RegisterWebhook(endpoints, ping.ping, new_id, new_secret, reach, settings.webhooks.max_endpoints),
        change=ChangeWebhook(endpoints, reach),
        rotate=RotateSecret(endpoints, new_secret, settings.webhooks.rotation.total_seconds()),
        show_secret=ShowSecret(endpoints, new_secret),
        ping=ping,
        close=post.close,
    )


def build_send_webhook(settings: Settings) -> Sender:
    """The sender for `webhook`."""
    webhooks = build_webhooks(settings, Scripts(connect(settings.redis.url.get_secret_value(), WORKER)))
    return SendWebhook(
        KnownSigning(webhooks, SystemClock()), _build_post(settings), new_secret, links_to=settings.api.public_url
    )


def build_webhooks(settings: Settings, scripts: Scripts) -> RedisWebhooks:
    return RedisWebhooks(scripts, AesSeal(settings.api.key_pepper.get_secret_value().encode()))


def build_webhook_reach(settings: Settings) -> Reach:
    return Reach(allows_http=settings.webhooks.allow_http, private_networks=settings.webhooks.private_networks)


def _build_post(settings: Settings) -> WebhookPost:
    timeout_s = settings.webhooks.timeout.total_seconds()
    return WebhookPost(SystemResolver(), build_webhook_reach(settings), timeout_s=timeout_s, tls=build_tls)
