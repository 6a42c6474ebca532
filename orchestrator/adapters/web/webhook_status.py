"""What answers of webhook receivers, and failures on the way to them, mean to us (Standard Webhooks 1.0)."""

import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpcore

from orchestrator.adapters.web.wire import header_of
from orchestrator.domain.errors import (
    Category,
    InputRefused,
    OrchestratorError,
    Overloaded,
    Refused,
    StageTimeout,
    Unavailable,
)

SERVICE = "webhook"
GONE = 410
TAKEN = range(200, 300)
REDIRECTS = range(300, 400)
SERVER_ERRORS = range(500, 600)
BUSY = frozenset({408, 425, 429})
MOST_PATIENCE_S = 6 * 3600.0
SHOWN = 200  # characters of an answer

Meaning = Callable[[str], OrchestratorError]


def address_refused(message: str) -> Unavailable:
    """It leads where this node does not go. Names change, so it is tried again."""
    return _unavailable(message, code="address_refused")


def _unavailable(message: str, *, code: str, category: Category = Category.NETWORK) -> Unavailable:
    return Unavailable(message, service=SERVICE, category=category, code=code)


def _unreachable(host: str) -> Unavailable:
    return _unavailable(f"{host} cannot be reached", code="receiver_unreachable")


def _broken_off(host: str) -> Unavailable:
    return _unavailable(f"the connection to {host} broke off, or it does not speak HTTP", code="receiver_unreachable")


def _silent(host: str) -> Unavailable:
    return _unavailable(f"{host} did not answer in time", code="receiver_timeout")


# Most specific first. The first two and `Unavailable` are what the guard says.
CLASSES: Mapping[type[Exception], Meaning] = {
    InputRefused: lambda host: address_refused(f"{host} is not a public host, or not on a port of the web"),
    StageTimeout: _silent,
    httpcore.ConnectTimeout: _unreachable,
    httpcore.ConnectError: _unreachable,
    httpcore.TimeoutException: _silent,
    httpcore.NetworkError: _broken_off,
    httpcore.ProtocolError: _broken_off,
    httpcore.UnsupportedProtocol: _unreachable,
    # Only with proxies, which are not used, and when a server ends a kept connection in the wrong moment.
    httpcore.ProxyError: _unreachable,
    httpcore.ConnectionNotAvailable: _broken_off,
}


def parse_error(error: Exception, host: str) -> OrchestratorError:
    """Our error for one on the way to ``host``, to be raised from it."""
    if isinstance(error.__cause__ or error.__context__, ssl.SSLCertVerificationError):
        return _unavailable(f"the certificate of {host} is not valid", code="certificate_invalid")
    return next(meaning(host) for kind, meaning in CLASSES.items() if isinstance(error, kind))


@contextmanager
def translated(host: str) -> Iterator[None]:
    """Errors of httpcore and of the guard leave this block as a sender's."""
    try:
        yield
    except tuple(CLASSES) as error:
        raise parse_error(error, host) from error


def require_taken(answer: httpcore.Response, said: bytes) -> str:
    """The answer in a few words, if the receiver has taken the message.

    Raises:
        Refused: it is gone for good.
        Overloaded: it says when to come again.
        Unavailable: it answered anything else.
    """
    status, words = answer.status, _words(answer.status, said)
    if status in TAKEN:
        return words
    if status == GONE:
        raise Refused(words, service=SERVICE, category=Category.INVALID_INPUT, code="receiver_gone")
    wait_s = _patience_s(header_of(answer, "retry-after"))
    if wait_s is not None:
        raise Overloaded(words, retry_after_s=wait_s, code="receiver_busy")
    if status in REDIRECTS:
        words = f"{words}; redirects are not followed: register the address that it leads to"
        raise _unavailable(words, code="receiver_redirects", category=Category.INVALID_INPUT)
    is_its_fault = status in SERVER_ERRORS or status in BUSY
    category = Category.NETWORK if is_its_fault else Category.INVALID_INPUT
    raise _unavailable(words, code="receiver_failed", category=category)


def _words(status: int, said: bytes) -> str:
    """Whoever runs the receiver reads them: printable, and short."""
    text = "".join(
        letter if letter.isprintable() else " " for letter in said.decode("utf-8", "replace")[:SHOWN]
    ).strip()
    return f"answered {status}: {text}" if text else f"answered {status}"


def _patience_s(text: str) -> float | None:
    """`Retry-After`, in seconds or as a date, within bounds; None if there is none that can be read."""
    if text.isdecimal():
        return min(float(text), MOST_PATIENCE_S)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    wait_s = (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() - datetime.now(UTC).timestamp()
    return min(max(wait_s, 0.0), MOST_PATIENCE_S)
