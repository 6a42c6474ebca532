"""Advance swaps: the duty that takes each one step by step. After a crash between two, the next tick resumes."""

from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field

import structlog

from orchestrator.domain.errors import OrchestratorError
from orchestrator.domain.swap import Fault, Step, Turn
from orchestrator.ports.swaps import Standing, Swaps

log = structlog.get_logger()

TakeTurn = Callable[[Standing], Turn | None]

# How long a step may be without an outcome, whatever keeps it.
WITHIN_S: Mapping[Step, float] = {
    Step.FETCHING: 900,
    Step.CHECKING: 300,
    Step.HANDING_OVER: 900,
    Step.LOADING: 600,
    Step.WARMING: 300,
    Step.JUDGING: 300,
}


@dataclass(frozen=True, slots=True)
class AdvanceSwaps:
    """``turns`` says what each step does that is not the last. Each swap has a thread of ``executor`` for as long as it
    gets on: one whose golden samples take minutes holds up no other, and not the duty's own lease.
    """

    swaps: Swaps
    turns: Mapping[Step, TakeTurn]
    executor: Executor
    _busy: dict[str, Future[None]] = field(default_factory=dict, init=False)

    def tick(self) -> None:
        """Take every swap as far as it can go now, but those that somebody is at already."""
        for standing in self.swaps.going():
            model = standing.swap.model
            if model not in self._busy:
                self._busy[model] = self.executor.submit(self._advance, standing)
        self._conclude()

    def _conclude(self) -> None:
        """Raises what went wrong with the first of those that have ended; the others are heard by the next ticks."""
        for model in [model for model, advance in self._busy.items() if advance.done()]:
            self._busy.pop(model).result()

    def _advance(self, standing: Standing) -> None:
        at: Standing | None = standing
        while at is not None and not at.swap.is_over:
            turn = self._turn(at) or self._lateness(at)
            if turn is None:
                return
            at = self.swaps.move(at, turn)
            if at is not None:
                about = {"old": at.swap.old, "new": at.swap.new, "step": at.swap.step, "why": turn.reason}
                log.info("swap.moved", model=at.swap.model, **about)

    def _turn(self, standing: Standing) -> Turn | None:
        swap = standing.swap
        try:
            return self.turns[swap.step](standing)
        except OrchestratorError as error:  # somebody is away: it is tried again
            log.warning("swap.waits", model=swap.model, step=swap.step, error=str(error))
            return None

    def _lateness(self, standing: Standing) -> Turn | None:
        swap, within_s = standing.swap, WITHIN_S.get(standing.swap.step)
        if within_s is None or standing.for_s < within_s:
            return None
        return swap.fail(Fault.TOO_LATE, f"{swap.step} has come to no end within {within_s:g} s")
