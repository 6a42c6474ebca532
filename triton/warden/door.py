"""The warden's HTTP door: who has the control key may ask. JSON in and out, errors as `{code, message}`."""

from __future__ import annotations

import hmac
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from re import Pattern
from typing import Any

BODY_BYTES = 4 << 20  # a manifest with a presigned URL for each of a thousand files
SILENT_S = 30.0

Answer = tuple[HTTPStatus, Mapping[str, object]]


class Refusal(Exception):
    """Why not, for whoever has asked."""

    def __init__(self, status: HTTPStatus, code: str, message: str) -> None:
        """Status, a stable word, and a sentence."""
        super().__init__(message)
        self.status = status
        self.code = code


@dataclass(frozen=True)
class Route:
    """``answer`` gets the groups of ``path`` and the body."""

    method: str
    path: Pattern[str]
    answer: Callable[..., Answer]


def open_door(address: tuple[str, int], *, control_key: str, routes: tuple[Route, ...]) -> ThreadingHTTPServer:
    """Listen; the caller serves."""

    class Caller(_Caller):
        pass

    Caller.control_key, Caller.routes = control_key, routes
    door = ThreadingHTTPServer(address, Caller)
    door.daemon_threads = True
    return door


class _Caller(BaseHTTPRequestHandler):
    """One request; the connection ends with it."""

    control_key: str
    routes: tuple[Route, ...]
    timeout = SILENT_S  # of a caller who does not go on

    def do_GET(self) -> None:
        self._serve()

    do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 - the names of http.server

    def log_message(self, *_: object) -> None:
        """Every gauge reading would be a line."""

    def _serve(self) -> None:
        try:
            status, body = self._answer()
        except Refusal as refusal:
            status, body = refusal.status, {"code": refusal.code, "message": str(refusal)}
        except Exception as error:  # noqa: BLE001 - the door stays open, whatever one caller has brought about
            sys.stderr.write(f"warden: {self.command} {self.path}: {error!r}\n")
            status = HTTPStatus.INTERNAL_SERVER_ERROR
            body = {"code": "internal", "message": "the warden failed; its log says why"}
        self._send(status, json.dumps(body).encode())

    def _answer(self) -> Answer:
        self._authenticate()
        for route in self.routes:
            match = route.path.fullmatch(self.path)
            if match and route.method == self.command:
                return route.answer(*match.groups(), self._body())
        raise Refusal(HTTPStatus.NOT_FOUND, "not_found", "there is nothing here")

    def _authenticate(self) -> None:
        given = self.headers.get("Authorization", "").encode()
        if not hmac.compare_digest(given, f"Bearer {self.control_key}".encode()):
            raise Refusal(HTTPStatus.UNAUTHORIZED, "unauthorized", "the control key is missing or wrong")

    def _body(self) -> Mapping[str, Any]:
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or int(length) > BODY_BYTES:
            raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", f"at most {BODY_BYTES} bytes, counted")
        try:
            body = json.loads(self.rfile.read(int(length)) or b"{}")
        except ValueError as error:
            raise Refusal(HTTPStatus.BAD_REQUEST, "invalid", "the body is not JSON") from error
        if not isinstance(body, dict):
            raise Refusal(HTTPStatus.BAD_REQUEST, "invalid", "the body is not an object")
        return body

    def _send(self, status: HTTPStatus, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
