"""What answers of web servers, and failures of httpcore, mean to us."""

import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial

import httpcore

from orchestrator.domain.errors import Category, InputNotFound, InputRefused, OrchestratorError, Unavailable

SERVICE = "web"
OK = 200
REDIRECTS = frozenset({301, 302, 303, 307, 308})
LATER = frozenset({408, 425, 429})
SERVER_ERRORS = range(500, 600)

Meaning = Callable[[], OrchestratorError]


def _unavailable(message: str) -> Meaning:
    return partial(Unavailable, message, service=SERVICE, category=Category.NETWORK)


# Most specific first.
CLASSES: Mapping[type[Exception], Meaning] = {
    httpcore.ConnectTimeout: _unavailable("the server of the input cannot be reached"),
    httpcore.ConnectError: _unavailable("the server of the input cannot be reached"),
    httpcore.TimeoutException: _unavailable("the server of the input fell silent"),
    httpcore.NetworkError: _unavailable("the connection to the server of the input broke off"),
    httpcore.RemoteProtocolError: _unavailable("the server of the input broke off, or does not speak HTTP"),
    httpcore.ProtocolError: partial(InputRefused, "the address of the input cannot be asked for"),
    httpcore.UnsupportedProtocol: partial(InputRefused, "the address of the input cannot be asked for"),
    # Only with proxies and shared connections, which are not used.
    httpcore.ProxyError: _unavailable("the server of the input cannot be reached"),
    httpcore.ConnectionNotAvailable: _unavailable("the server of the input cannot be reached"),
}


def parse_error(error: Exception) -> OrchestratorError:
    """Our error for one of httpcore's, to be raised from it."""
    if isinstance(error.__cause__, ssl.SSLCertVerificationError):
        return InputRefused("the certificate of the input's server is not valid")
    return next(meaning() for kind, meaning in CLASSES.items() if isinstance(error, kind))


def require_file(status: int) -> None:
    """Return when the answer is the file.

    Raises:
        Unavailable: the server asks for patience, or is broken.
        InputNotFound: it does not give the file to us.
    """
    if status in LATER or status in SERVER_ERRORS:
        raise Unavailable(f"the server of the input answered {status}", service=SERVICE, category=Category.NETWORK)
    if status != OK:
        raise InputNotFound(f"the server of the input answered {status}")


@contextmanager
def translated() -> Iterator[None]:
    """Errors of httpcore leave this block as ours."""
    try:
        yield
    except tuple(CLASSES) as error:
        raise parse_error(error) from error
