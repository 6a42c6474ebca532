"""Between our words and those of httpcore, which both ways out use."""

import httpcore

from orchestrator.domain.web_address import WebAddress


def render_address(address: WebAddress) -> httpcore.URL:
    """Its parts, never its text: there is one reading of a URL."""
    return httpcore.URL(
        scheme=address.scheme.encode(), host=address.host.encode(), port=address.port, target=address.target.encode()
    )


def header_of(answer: httpcore.Response, name: str) -> str:
    """The value of a header, empty if there is none."""
    wanted = name.encode()
    return next((value.decode("latin-1") for given, value in answer.headers if given.lower() == wanted), "")
