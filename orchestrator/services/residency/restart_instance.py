"""Restart one inference server: alone among all, and not under its runs if they end in time."""

from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from orchestrator.domain.model import Instance
from orchestrator.ports.clock import Clock
from orchestrator.ports.warden import Warden

log = structlog.get_logger()

DRAINED_WITHIN_S = 60.0
GONE_WITHIN_S = 30.0
REST_S = 300.0  # whatever is wrong with it, it is not restarted all the time


@dataclass(slots=True)
class RestartInstance:
    """``take`` holds the one lease for restarts of all instances, and says whether it is ours; ``leave`` gives it back.

    Nobody may begin a run there meanwhile: its owner sees to that while there is a ``reason``.
    """

    warden: Warden | None
    clock: Clock
    take: Callable[[], bool]
    leave: Callable[[], None]
    reason: str = field(default="", init=False)
    _since_s: float = field(default=0.0, init=False)
    _is_told: bool = field(default=False, init=False)
    _rests_until_s: float = field(default=0.0, init=False)

    def is_able(self) -> bool:
        """Whether somebody is there to do it, and it was not done just now."""
        return self.warden is not None and self.clock.monotonic_s() >= self._rests_until_s

    def begin(self, instance: str, reason: str) -> None:
        """Do so when it can be done, and it is our turn."""
        if self.is_able() and self.take():
            log.warning("triton.draining", instance=instance, reason=reason)
            self.reason, self._since_s, self._is_told = reason, self.clock.monotonic_s(), False

    def go_on(self, instance: Instance, *, is_live: bool) -> bool:
        """Whether it has just been told to restart. ``reason`` is empty once the old server is gone.

        Raises:
            Unavailable, Refused: as `Warden.restart`; the next call tries again.
        """
        self.take()
        now_s = self.clock.monotonic_s()
        if self._is_told:
            if not is_live or now_s - self._since_s > GONE_WITHIN_S:
                self.reason = ""
            return False
        pins = sum(resident.pins for resident in instance.residents)
        if self.warden is None or (pins and now_s - self._since_s < DRAINED_WITHIN_S):
            return False
        log.warning("triton.restarting", instance=instance.address, reason=self.reason, pins=pins)
        self.warden.restart(self.reason)
        self._since_s, self._is_told, self._rests_until_s = now_s, True, now_s + REST_S
        return True

    def conclude(self) -> None:
        """It serves again: another may be restarted."""
        if self._is_told:
            self._is_told = False
            self.leave()
