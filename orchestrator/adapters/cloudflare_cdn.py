"""`Cdn` as Cloudflare's `purge_cache` speaks it, and whoever else takes `{"files": [...]}` with a bearer token."""

from collections.abc import Sequence
from http import HTTPStatus

import httpx

from orchestrator.domain.errors import Category, Refused, Unavailable

SERVICE = "cdn"
URLS_A_CALL = 30  # of every plan but Enterprise
TIMEOUT_S = 10.0


class CloudflareCdn:
    """Safe to share between threads."""

    def __init__(self, purge_url: str, token: str) -> None:
        self._purge_url = purge_url
        self._client = httpx.Client(headers={"Authorization": f"Bearer {token}"}, timeout=TIMEOUT_S)

    def purge(self, urls: Sequence[str]) -> None:
        for first in range(0, len(urls), URLS_A_CALL):
            self._purge(urls[first : first + URLS_A_CALL])

    def _purge(self, urls: Sequence[str]) -> None:
        try:
            answer = self._client.post(self._purge_url, json={"files": urls})
        except httpx.HTTPError as error:
            message = "the CDN cannot be reached"
            raise Unavailable(message, service=SERVICE, category=Category.NETWORK) from error
        if answer.status_code == HTTPStatus.TOO_MANY_REQUESTS or answer.is_server_error:
            raise Unavailable("the CDN asks for a pause", service=SERVICE, category=Category.NETWORK)
        if not answer.is_success:
            raise Refused("the CDN refused to forget URLs", service=SERVICE, category=Category.INTERNAL)
