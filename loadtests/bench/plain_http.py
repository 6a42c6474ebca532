"""HTTP over one kept connection of the standard library: the client shares the machine, so it has to be cheap."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from typing import Any, Self
from urllib.parse import urlsplit

from figures import BenchmarkVoid

REFUSALS = 400

JsonAnswer = dict[str, Any]


class PlainClient:
    """One connection to one service. Anything but a success voids the benchmark."""

    def __init__(self, url: str, *, api_key: str = "") -> None:
        self._connection = HTTPConnection(urlsplit(url).netloc, timeout=30)
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._connection.close()

    def get(self, path: str) -> JsonAnswer:
        return self._ask("GET", path)

    def post(self, path: str, body: JsonAnswer) -> JsonAnswer:
        return self._ask("POST", path, body=json.dumps(body))

    def _ask(self, method: str, path: str, *, body: str | None = None) -> JsonAnswer:
        headers = {**self._headers, "Content-Type": "application/json"} if body else self._headers
        self._connection.request(method, path, body=body, headers=headers)
        response = self._connection.getresponse()
        text = response.read()
        if response.status >= REFUSALS:
            raise BenchmarkVoid(f"{method} {path} was answered {response.status}: {text.decode(errors='replace')}")
        answer: JsonAnswer = json.loads(text)
        return answer


def ask_at_once(work: Callable[[PlainClient], object], *, connect: Callable[[], PlainClient], clients: int) -> None:
    """Do ``work`` on ``clients`` threads, each with a connection of its own."""

    def on_own_connection(_number: int) -> None:
        with connect() as client:
            work(client)

    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(on_own_connection, range(clients)))
