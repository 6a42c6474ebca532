"""Pauses: for operators (scope `projects:admin`), and for a project's own tasks."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from orchestrator.client.calls import Call, Caller


@dataclass(frozen=True, slots=True)
class Pause:
    """Since when, by which API key and why ``what`` is paused, such as ``lane:video``."""

    what: str
    since: datetime
    by: str
    by_operator: bool
    reason: str
    raw: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Pauses:
    """`Client.pauses`. Every method raises `ApiError` if the service refuses, or cannot be reached."""

    caller: Caller

    def list(self) -> tuple[Pause, ...]:
        """Everything that is paused."""
        return tuple(map(parse_pause, self.caller.send(Call("GET", "/v1/pauses"))["items"]))

    def pause(self, what: str, *, reason: str = "") -> Pause:
        """Pause ``lane:…``, ``project:…``, ``type:…`` or ``model:…``; again changes the reason."""
        return parse_pause(self.caller.send(Call("PUT", f"/v1/pauses/{what}", body={"reason": reason})))

    def resume(self, what: str) -> Pause | None:
        """End the pause; what it was, None if there was none."""
        return _parse_resumed(self.caller.send(Call("DELETE", f"/v1/pauses/{what}")))

    def pause_own(self, *, reason: str = "") -> Pause:
        """Pause the tasks of the key's own project (scope `tasks:write`)."""
        return parse_pause(self.caller.send(Call("POST", "/v1/tasks:pause", body={"reason": reason})))

    def resume_own(self) -> Pause | None:
        """Resume them; refused if an operator has paused the project."""
        return _parse_resumed(self.caller.send(Call("POST", "/v1/tasks:resume")))


def parse_pause(body: Mapping[str, Any]) -> Pause:
    return Pause(
        what=body["what"],
        since=datetime.fromisoformat(body["since"]),
        by=body["by"],
        by_operator=body["by_operator"],
        reason=body["reason"],
        raw=body,
    )


def _parse_resumed(body: Mapping[str, Any]) -> Pause | None:
    return parse_pause(body["resumed"]) if body["resumed"] else None
