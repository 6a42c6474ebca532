"""Payload's REST API: where it is, who asks, and over which connections."""

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import httpx
import structlog

from orchestrator.adapters.payload_cms.status import SERVICE, failed, parse_answer, translated
from orchestrator.domain.breaker import AccessDenied
from orchestrator.domain.content import FAULTY
from orchestrator.domain.errors import Category, OrchestratorError, Overloaded, Refused, Unavailable

CONNECTIONS = 16
DENIALS = frozenset({401, 403})
IDLE_S = 4.0  # Node closes a connection that is idle for five, maybe just when we use it again

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class PayloadAddress:
    """``url`` is without the API's path; ``key_collection`` is the slug of the users that have keys, case and all."""

    url: str
    api_key: str = field(repr=False)
    api_path: str = "/api"
    key_collection: str = "users"

    @property
    def root(self) -> str:
        return f"{self.url.rstrip('/')}/{self.api_path.strip('/')}"

    @property
    def authorization(self) -> str:
        return f"{self.key_collection} API-Key {self.api_key}"


class PayloadApi:
    """One client, with its connections, from the first call on: make it after the fork. HTTP/2 where it is offered."""

    def __init__(self, address: PayloadAddress, *, timeout_s: float = 15.0, tls: ssl.SSLContext | None = None) -> None:
        self.address = address
        self._timeout_s = timeout_s
        self._tls = tls

    def ask(self, method: str, path: str, *, params: Mapping[str, Any] | None = None, **body: Any) -> httpx.Response:  # noqa: ANN401 - as httpx takes it
        with translated():
            return self._client.request(method, path, params={"depth": 0, **(params or {})}, **body)

    def read(self, answer: httpx.Response, name: str) -> Any:  # noqa: ANN401 - JSON
        """A part of a good answer; any other is raised as the error that it means."""
        if not answer.is_success:
            raise self.parse(answer)
        return _part(answer, name)

    def parse(self, answer: httpx.Response) -> OrchestratorError:
        """Our error for an answer. Payload says 403 to a wrong key and to a key that may not do that alike, and 500 to
        whatever goes wrong: a question that needs its database and our key shows whether it is this document's fault.
        """
        error = parse_answer(answer)
        if answer.status_code in DENIALS or error.code == FAULTY:
            try:
                self.check()
            except Unavailable as away:
                return away
            except (Overloaded, Refused) as unclear:
                log.warning("content.key_unknown", code=unclear.code)
        return error

    def check(self) -> None:
        """Return when Payload knows our key. To a stranger it says 200, too, and that it is nobody.

        Raises:
            AccessDenied: it does not.
            Unavailable, Overloaded, Refused: it does not say.
        """
        answer = self.ask("GET", f"/{self.address.key_collection}/me")
        if not answer.is_success:
            error = parse_answer(answer)
            raise failed() if error.code == FAULTY else error
        if _part(answer, "user") is None:
            raise AccessDenied("the CMS does not know the key of this node", service=SERVICE)

    @contextmanager
    def stream(self, url: str) -> Iterator[httpx.Response]:
        """The answer to a GET, with its body still to come."""
        with translated(), self._client.stream("GET", url, headers={"Accept-Encoding": "identity"}) as answer:
            yield answer

    def close(self) -> None:
        self._client.close()

    @cached_property
    def _client(self) -> httpx.Client:
        """The key alone says who we are: no cookies, and no proxy or password of the environment."""
        client = httpx.Client(
            base_url=self.address.root,
            headers={"Authorization": self.address.authorization},
            timeout=self._timeout_s,
            limits=httpx.Limits(max_connections=CONNECTIONS, keepalive_expiry=IDLE_S),
            http2=True,
            verify=self._tls or True,
            trust_env=False,
        )
        client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        return client


def _part(answer: httpx.Response, name: str) -> Any:  # noqa: ANN401 - JSON
    try:
        return answer.json()[name]
    except (ValueError, KeyError, TypeError) as error:  # a proxy's page, or no Payload at all
        message = "the answer of the CMS cannot be read"
        raise Unavailable(message, service=SERVICE, category=Category.CMS) from error
