"""Probes and metrics: is this process alive, is it fit to serve, what does it count. The probes need no key."""

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import generate_latest

from orchestrator.api.deps import MetricsReader, Parts
from orchestrator.api.problems import AUTHENTICATED, NOT_READY, problem_docs
from orchestrator.api.schemas import CheckView, ReadinessView
from orchestrator.domain.errors import OrchestratorError

log = structlog.get_logger()

router = APIRouter(tags=["health"])

METRICS_TEXT = "text/plain; version=0.0.4; charset=utf-8"  # Prometheus text format

Check = Callable[[], None]


class Readiness:
    """Asks every dependency at once. A check that hangs delays nobody beyond ``cap_s`` and is not started again.

    What the checks of ``advice`` find is said, and makes nobody unfit.
    """

    def __init__(
        self,
        checks: Mapping[str, Check],
        *,
        advice: Mapping[str, Check] | None = None,
        cap_s: float = 2.0,
        fresh_s: float = 1.0,
    ) -> None:
        self._advice = advice or {}
        self._checks = {**checks, **self._advice}
        self._cap_s = cap_s
        self._fresh_s = fresh_s
        self._pool = ThreadPoolExecutor(max_workers=max(1, len(self._checks)), thread_name_prefix="ready")
        self._lock = threading.Lock()
        self._asked: dict[str, Future[None]] = {}
        self._answer: tuple[float, ReadinessView] | None = None

    def view(self) -> ReadinessView:
        """What the checks say, at most ``fresh_s`` old: probes may come as often as they like."""
        with self._lock:
            if self._answer is None or time.monotonic() - self._answer[0] > self._fresh_s:
                found = self._ask()
                checks = {name: check for name, check in found.items() if name not in self._advice}
                warnings = {name: found[name].detail for name in self._advice if not found[name].ok}
                ready = all(check.ok for check in checks.values())
                view = ReadinessView(status="ready" if ready else "not_ready", checks=checks, warnings=warnings)
                self._answer = (time.monotonic(), view)
            return self._answer[1]

    def _ask(self) -> dict[str, CheckView]:
        for name, check in self._checks.items():
            if name not in self._asked or self._asked[name].done():
                self._asked[name] = self._pool.submit(check)
        wait(self._asked.values(), timeout=self._cap_s)
        return {name: self._outcome(name, asked) for name, asked in self._asked.items()}

    def _outcome(self, name: str, asked: Future[None]) -> CheckView:
        if not asked.done():
            return CheckView(ok=False, detail=f"no answer within {self._cap_s:g} s")
        error = asked.exception()
        if error is None:
            return CheckView(ok=True, detail="")
        if name not in self._advice:
            log.warning("check.failed", check=name, exc_info=error)
        return CheckView(ok=False, detail=str(error) if isinstance(error, OrchestratorError) else "the check failed")


@router.get("/livez")
async def livez() -> dict[str, str]:
    """This process answers. Touches nothing: an outage elsewhere must not get it restarted."""
    return {"status": "alive"}


@router.get("/readyz", responses={int(NOT_READY): {"model": ReadinessView, "description": "A dependency is not fit."}})
def readyz(request: Request, response: Response) -> ReadinessView:
    """Whether every dependency is fit to serve."""
    readiness: Readiness = request.app.state.readiness
    view = readiness.view()
    if view.status != "ready":
        response.status_code = NOT_READY
    return view


@router.get("/metrics", response_class=PlainTextResponse, responses=problem_docs(AUTHENTICATED))
def metrics(_: MetricsReader, parts: Parts) -> Response:
    """Prometheus samples of this process. `ORCH_API__METRICS_PORT` serves them without a key, inside the network."""
    return Response(generate_latest(parts.registry), media_type=METRICS_TEXT)
