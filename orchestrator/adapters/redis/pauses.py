"""`Pauses` over Redis: one hash, which claims look into (`lua/pauses.lua`)."""

from dataclasses import dataclass

from orchestrator.adapters.redis.connection import redis_errors
from orchestrator.adapters.redis.scripts import Scripts
from orchestrator.domain.errors import Forbidden
from orchestrator.domain.pause import Pausable, Pause
from orchestrator.ports.pauses import Resumed

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


def parse_pause(what: str, said: str) -> Pause:
    """Read an entry of the hash."""
    since_ms, by_operator, by, reason = said.split(" ", 3)
    return Pause(Pausable.parse(what), int(since_ms), by, reason, by_operator=by_operator == "1")
