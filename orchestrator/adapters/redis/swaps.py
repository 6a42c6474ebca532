"""`Swaps` over Redis: a hash a model, moved by one script, and a stream of what was done."""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.adapters.redis.connection import redis_errors
from orchestrator.adapters.redis.scripts import Scripts
from orchestrator.domain.swap import Fault, Step, Swap, SwapInProgress, Turn
from orchestrator.ports.swaps import KEEPER, AuditLine, Standing


@dataclass(frozen=True, slots=True)
class RedisSwaps:
    """Implements `ports.swaps.Swaps`."""

    scripts: Scripts

    def begin(self, swap: Swap, *, instead_of: Standing | None) -> Standing:
        begun = self._write(swap, Turn(swap.step), seen=instead_of.token if instead_of else "", by=swap.by)
        if begun is None:
            raise SwapInProgress
        return begun

    def move(self, standing: Standing, turn: Turn, *, by: str = KEEPER) -> Standing | None:
        return self._write(standing.swap.take(turn), turn, seen=standing.token, by=by)

    def find(self, model: str) -> Standing | None:
        return next(iter(self._look(model)), None)

    def going(self) -> tuple[Standing, ...]:
        return self._look("")

    def audit(self, model: str, *, limit: int) -> tuple[AuditLine, ...]:
        with redis_errors():
            found = self.scripts.client.xrevrange(f"orch:swaps:{model}", count=limit)
        return tuple(_parse_line(entry, json.loads(fields["line"])) for entry, fields in found)

    def _write(self, swap: Swap, turn: Turn, *, seen: str, by: str) -> Standing | None:
        token = secrets.token_hex(8)
        given = {
            "model": swap.model,
            "token": seen,
            "next": token,
            "body": json.dumps(swap.render()),
            "is_over": int(swap.is_over),
            "line": json.dumps(_render_line(swap, turn, by=by)),
            "weights": "".join(f"{release} {weight} " for release, weight in swap.weights().items()),
        }
        with redis_errors():
            since_ms = self.scripts.run("move_swap", given)
        return None if since_ms is None else Standing(swap, token, since_ms)

    def _look(self, model: str) -> tuple[Standing, ...]:
        with redis_errors():
            found: Sequence[tuple[str, str, int, int]] = self.scripts.run("look_swaps", {"model": model})
        return tuple(
            Standing(Swap.parse(json.loads(body)), token, since_ms, (now_ms - since_ms) / 1000)
            for body, token, since_ms, now_ms in found
        )


def _render_line(swap: Swap, turn: Turn, *, by: str) -> Mapping[str, Any]:
    return {
        "swap_id": swap.id,
        "old": swap.old,
        "new": swap.new,
        "step": swap.step,
        "by": by,
        "reason": turn.reason,
        "fault": turn.fault,
        "figures": turn.figures,
    }


def _parse_line(entry: str, line: Mapping[str, Any]) -> AuditLine:
    fault = Fault(line["fault"]) if line["fault"] else None
    return AuditLine(int(entry.partition("-")[0]), **{**line, "step": Step(line["step"]), "fault": fault})
