"""What may be asked of the warden: the routes of its door (ADR 0046)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from warden.check import check_model
from warden.door import Answer, Refusal, Route
from warden.life import Life
from warden.memory import read_memory
from warden.pools import Pools
from warden.releases import Releases

REASON_CHARS = 200
Body = Mapping[str, Any]


def routes(life: Life, releases: Releases, *, pools: Pools) -> tuple[Route, ...]:
    """All that there is."""
    return (*_of_the_server(life, pools), *_of_releases(releases))


def _of_the_server(life: Life, pools: Pools) -> tuple[Route, ...]:
    def memory(_body: Body) -> Answer:
        pid = life.server.pid
        if pid is None:
            raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "no_server", "there is no server at the moment")
        return HTTPStatus.OK, {"pid": pid, "restarts": life.restarts, "pools": pools.render(), **read_memory(pid)}

    def restart(body: Body) -> Answer:
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


def _of_releases(releases: Releases) -> tuple[Route, ...]:
    def show(_body: Body) -> Answer:
        return HTTPStatus.OK, {"releases": releases.list()}

    def put(name: str, body: Body) -> Answer:
        is_new = releases.put(name, body)
        return HTTPStatus.CREATED if is_new else HTTPStatus.OK, {"release": name}

    def check(name: str, _body: Body) -> Answer:
        return HTTPStatus.OK, check_model(releases.folder(name))

    def remove(name: str, _body: Body) -> Answer:
        releases.remove(name)
        return HTTPStatus.OK, {"release": name}

    return (
        Route("GET", re.compile("/releases"), show),
        Route("PUT", re.compile("/releases/([^/]+)"), put),
        Route("POST", re.compile("/releases/([^/]+)/check"), check),
        Route("DELETE", re.compile("/releases/([^/]+)"), remove),
    )
