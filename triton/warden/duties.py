"""What may be asked of the warden: the routes of its door (ADR 0046)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from warden.door import Answer, Refusal, Route
from warden.life import Life
from warden.memory import read_memory

REASON_CHARS = 200


def routes(life: Life) -> tuple[Route, ...]:
    """All that there is."""

    def memory(_body: Mapping[str, Any]) -> Answer:
        pid = life.server.pid
        if pid is None:
            raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "no_server", "there is no server at the moment")
        return HTTPStatus.OK, {"pid": pid, "restarts": life.restarts, **read_memory(pid)}

    def restart(body: Mapping[str, Any]) -> Answer:
        reason = body.get("reason")
        if not isinstance(reason, str) or not reason.isprintable() or not 0 < len(reason) <= REASON_CHARS:
            message = f"a reason is needed, a line of at most {REASON_CHARS} characters"
            raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid", message)
        life.request_restart(reason)
        return HTTPStatus.ACCEPTED, {"restarts": life.restarts}

    return (
        Route("GET", re.compile("/memory"), memory),
        Route("POST", re.compile("/restart"), restart),
    )
