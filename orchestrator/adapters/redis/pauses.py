"""`Pauses` over Redis: one hash, which claims look into (`lua/pauses.lua`)."""

from dataclasses import dataclass
from datetime import UTC, datetime

from orchestrator.adapters.redis.connection import redis_errors
from orchestrator.adapters.redis.scripts import Scripts
from orchestrator.domain.errors import Forbidden
from orchestrator.domain.pause import Kind, Pausable, Pause
from orchestrator.ports.pauses import IsPaused, Resumed

PAUSED = "orch:paused"


@dataclass(frozen=True, slots=True)
class RedisPauses:
    """Implements `ports.pauses.Pauses`."""

    scripts: Scripts

    def pause(self, what: Pausable, *, by: str, reason: str, as_operator: bool) -> Pause:
        given = {"what": what, "by": by, "reason": reason, "by_operator": int(as_operator)}
        with redis_errors():
            said = self.scripts.run("pause", given)
        return parse_pause(str(what), said)

    def resume(self, what: Pausable, *, as_operator: bool) -> Resumed:
        with redis_errors():
            said, *lanes = self.scripts.run("resume", {"what": what, "by_operator": int(as_operator)})
        if said == "forbidden":
            raise Forbidden(f"an operator has paused {what}, and only an operator can resume it")
        return Resumed(parse_pause(str(what), said) if said else None, tuple(sorted(lanes[0])))

    def list(self) -> tuple[Pause, ...]:
        with redis_errors():
            found = self.scripts.client.hgetall(PAUSED)
        return tuple(parse_pause(what, said) for what, said in sorted(found.items()))

    def check(self) -> None:
        found = self.list()
        of_all = [pause for pause in found if pause.what.kind is not Kind.PROJECT]
        said = [f"{pause.what} since {datetime.fromtimestamp(pause.since_ms // 1000, UTC):%FT%TZ}" for pause in of_all]
        projects = len(found) - len(of_all)
        if projects:  # who asks needs no key, and is not told of tenants
            said.append(f"{projects} project{'s' if projects > 1 else ''}")
        if said:
            raise IsPaused(f"paused: {', '.join(said)}")


def parse_pause(what: str, said: str) -> Pause:
    """Read an entry of the hash."""
    since_ms, by_operator, by, reason = said.split(" ", 3)
    return Pause(Pausable.parse(what), int(since_ms), by, reason, by_operator=by_operator == "1")
