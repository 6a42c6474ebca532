"""`Reservations` over Redis: a field of the record, which counts while the run pins its resident."""

from dataclasses import dataclass

from orchestrator.adapters.redis.connection import redis_errors
from orchestrator.adapters.redis.scripts import Scripts
from orchestrator.domain.errors import StaleRun
from orchestrator.domain.task import Run


@dataclass(frozen=True, slots=True)
class RedisReservations:
    """Implements `ports.reservations.Reservations`."""

    scripts: Scripts

    def reserve(self, run: Run, size: str, *, is_last: bool) -> bool:
        with redis_errors():
            answer = self.scripts.run("reserve", {**_token(run), "size": size, "is_last": int(is_last)})
        if answer == "stale":
            raise StaleRun
        return bool(answer == "ok")

    def learn(self, run: Run, size: str, *, took_s: float) -> None:
        with redis_errors():
            self.scripts.run("learn_peak", {**_token(run), "size": size, "began_ms_ago": int(took_s * 1000)})


def _token(run: Run) -> dict[str, str]:
    return {"task_id": run.task.id, "epoch": str(run.epoch), "run_id": run.run_id}
