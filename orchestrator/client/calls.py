"""One HTTP call, repeated while that is safe and can help; whatever goes wrong for good is raised."""

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx

from orchestrator.client.api_error import NO_ANSWER, ApiError, parse_error
from orchestrator.client.errors import UnexpectedAnswer, Unreachable

AGAIN = frozenset({NO_ANSWER, 429, 503})
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 30.0


Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Call:
    """What to ask. ``is_repeatable`` says that asking twice has the effect of asking once.

    The service may take up to ``wait_s`` longer to answer: it waits for a task to end.
    """

    method: str
    path: str
    body: Mapping[str, Any] | None = None
    query: Mapping[str, Any] | None = None
    headers: Mapping[str, str] | None = None
    is_repeatable: bool = True
    wait_s: int = 0


@dataclass(frozen=True, slots=True)
class Caller:
    """Sends calls, each at most ``tries`` times, with pauses that heed ``Retry-After``."""

    http: httpx.Client
    tries: int
    sleep: Callable[[float], None] = time.sleep

    def send(self, call: Call) -> Any:  # noqa: ANN401 - the JSON that the service answers
        """The parsed body of the answer.

        Raises:
            ApiError: the service refused, or stayed away.
        """
        if not call.is_repeatable:
            return self._send_once(call)
        return self.insist(lambda: self._send_once(call))

    def insist(self, act: Callable[[], Result]) -> Result:
        """Do it again while that can help.

        Raises:
            ApiError: the last one.
        """
        for tried in range(1, self.tries):
            try:
                return act()
            except ApiError as error:
                if error.status not in AGAIN:
                    raise
                self.sleep(pause_s(tried, error.retry_after_s))
        return act()

    def _send_once(self, call: Call) -> Any:  # noqa: ANN401 - as `send`
        headers = dict(call.headers or {})
        if call.wait_s:
            headers["Prefer"] = f"wait={call.wait_s}"
        timeout = httpx.Timeout(self.http.timeout.connect, read=(self.http.timeout.read or 0) + call.wait_s)
        try:
            response = self.http.request(
                call.method, call.path, json=call.body, params=call.query, headers=headers, timeout=timeout
            )
        except httpx.TransportError as error:
            message = f"{self.http.base_url} cannot be reached: {type(error).__name__}"
            raise Unreachable(message) from error
        if response.is_success:
            return response.json() if response.content else None
        raise parse_problem(response)


def pause_s(tried: int, retry_after_s: float | None) -> float:
    """How long to wait after the ``tried``-th try: what the service asked for, else exponential with jitter."""
    if retry_after_s is not None:
        return min(retry_after_s, LONGEST_PAUSE_S)
    return min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0**tried) * random.uniform(0.5, 1.0)  # noqa: S311 - a pause


def parse_problem(response: httpx.Response) -> ApiError:
    """The service's problem details; anything else came from something in between."""
    status, wait_s = response.status_code, _retry_after_s(response)
    try:
        error = parse_error(response.json(), status=status, request_id=response.headers.get("X-Request-Id"))
    except (ValueError, LookupError, TypeError):
        return UnexpectedAnswer(f"{response.request.url} answered {status}", status=status, retry_after_s=wait_s)
    error.retry_after_s = error.retry_after_s if error.retry_after_s is not None else wait_s
    return error


def _retry_after_s(response: httpx.Response) -> float | None:
    """The header in seconds. As a date, which this service never sends, it is left to the usual pauses."""
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isdecimal() else None
