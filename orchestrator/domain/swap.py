"""The swap of a model's release: its steps, the table of moves, and its record. Nothing else decides what follows what.

What each step does is `services/swaps/stage_release.py`, `shift_traffic.py` and `retire_release.py` (ADR 0048).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any, Self

from orchestrator.domain.errors import NotFound, RequestError
from orchestrator.domain.traffic import NONE, Traffic

ALL = 100  # percent


class Step(StrEnum):
    """Where a swap stands."""

    FETCHING = "fetching"
    CHECKING = "checking"
    HANDING_OVER = "handing_over"  # both do not fit: the model is held back until the old one is gone
    LOADING = "loading"
    WARMING = "warming"
    JUDGING = "judging"
    SHIFTING = "shifting"  # the new one has its share, and is watched
    WATCHING = "watching"  # the new one has all, and is watched
    DONE = "done"  # the old one stays for a while, and can be had back at once
    DRAINING = "draining"
    UNLOADING = "unloading"
    VERIFIED = "verified"
    ROLLING_BACK = "rolling_back"
    ROLLED_BACK = "rolled_back"
    REFUSED = "refused"


class Fault(StrEnum):
    """Why a release was refused or rolled back."""

    NOT_FETCHED = "not_fetched"
    BROKEN = "broken_file"
    WRONG_DIMS = "wrong_dims"
    NOT_LOADED = "load_failed"
    CRASHES = "crashes"
    WRONG_OUTPUT = "wrong_output"
    SLOW = "slow"
    FAILS = "fails"
    GONE = "gone"
    TOO_LATE = "too_late"
    ASKED = "asked"


OVER = frozenset({Step.VERIFIED, Step.ROLLED_BACK, Step.REFUSED})
# The new release has everything, and another swap may begin.
SETTLED = OVER | {Step.DONE, Step.DRAINING, Step.UNLOADING}
HELD = frozenset({Step.HANDING_OVER, Step.LOADING, Step.WARMING, Step.JUDGING})
SHIFTED = frozenset({Step.SHIFTING, Step.WATCHING})
SERVED = frozenset({Step.WATCHING, Step.DONE, Step.DRAINING, Step.UNLOADING, Step.VERIFIED})

MOVES: Mapping[Step, frozenset[Step]] = {
    Step.FETCHING: frozenset({Step.CHECKING, Step.LOADING, Step.REFUSED}),
    Step.CHECKING: frozenset({Step.LOADING, Step.HANDING_OVER, Step.REFUSED}),
    Step.HANDING_OVER: frozenset({Step.LOADING, Step.ROLLING_BACK}),
    Step.LOADING: frozenset({Step.WARMING, Step.ROLLING_BACK}),
    Step.WARMING: frozenset({Step.JUDGING, Step.ROLLING_BACK}),
    Step.JUDGING: frozenset({Step.SHIFTING, Step.WATCHING, Step.ROLLING_BACK}),
    Step.SHIFTING: frozenset({Step.WATCHING, Step.ROLLING_BACK}),
    Step.WATCHING: frozenset({Step.DONE, Step.ROLLING_BACK}),
    Step.DONE: frozenset({Step.DRAINING, Step.VERIFIED, Step.ROLLING_BACK}),
    Step.DRAINING: frozenset({Step.UNLOADING, Step.VERIFIED}),
    Step.UNLOADING: frozenset({Step.VERIFIED}),
    Step.ROLLING_BACK: frozenset({Step.ROLLED_BACK, Step.REFUSED}),
    **{step: frozenset() for step in OVER},
}


class SwapInProgress(RequestError):
    """Another swap of this model goes on: wait for its end, or roll it back."""

    code = "swap_in_progress"


class NothingToRollBack(RequestError):
    """There is no release to go back to; a swap to any other release is possible."""

    code = "nothing_to_roll_back"


class SwapNotFound(NotFound):
    """This model was never swapped."""

    code = "swap_not_found"


@dataclass(frozen=True, slots=True)
class Turn:
    """What a step came to: the step that follows, and why, with its figures by name."""

    step: Step
    reason: str = ""
    fault: Fault | None = None
    figures: Mapping[str, float] = field(default_factory=dict)
    base: Traffic = NONE


@dataclass(frozen=True, slots=True)
class Swap:
    """The record. ``canary`` is the new release's share in percent at first, ``base`` what it had served by then.

    ``is_first`` says that there is no ``old``: the model has its name only.
    """

    id: str
    model: str
    old: str
    new: str
    by: str
    canary: int = ALL
    watch_s: float = 0.0
    is_first: bool = False
    step: Step = Step.FETCHING
    hands_over: bool = False
    has_shifted: bool = False
    base: Traffic = NONE
    fault: Fault | None = None
    reason: str = ""
    figures: Mapping[str, float] = field(default_factory=dict)

    @property
    def is_over(self) -> bool:
        return self.step in OVER

    @property
    def is_settled(self) -> bool:
        return self.step in SETTLED

    def take(self, turn: Turn) -> Self:
        """The record after the turn.

        Raises:
            ValueError: the table does not allow it.
        """
        if turn.step not in MOVES[self.step]:
            raise ValueError(f"a swap does not go from {self.step} to {turn.step}")
        return replace(
            self,
            step=turn.step,
            hands_over=self.hands_over or turn.step is Step.HANDING_OVER,
            has_shifted=self.has_shifted or turn.step in SHIFTED,
            base=turn.base,
            fault=turn.fault or self.fault,
            reason=turn.reason or self.reason,
            figures={**self.figures, **turn.figures},
        )

    def fail(self, fault: Fault, reason: str, *, figures: Mapping[str, float] | None = None) -> Turn:
        """The turn for the worse: back to the old release, if anything was changed at all."""
        is_early = self.step in {Step.FETCHING, Step.CHECKING}
        return Turn(Step.REFUSED if is_early else Step.ROLLING_BACK, reason, fault, figures or {})

    def weights(self) -> Mapping[str, int]:
        """What runs that begin now take, by the step. All of weight 0 is to be held back; none is to serve nothing."""
        if self.is_first:
            return {self.new: ALL} if self.step in SERVED | SHIFTED else {} if self.is_over else {self.new: 0}
        if self.step in HELD and self.hands_over:
            return {self.new: 0}
        if self.step is Step.SHIFTING:
            return {self.old: ALL - self.canary, self.new: self.canary}
        if self.step in SERVED:
            return {self.new: ALL}
        return {self.old: ALL}

    def render(self) -> Mapping[str, Any]:
        return asdict(self)

    @classmethod
    def parse(cls, stored: Mapping[str, Any]) -> Self:
        """What `render` made, also after a way through JSON."""
        fault = Fault(stored["fault"]) if stored["fault"] else None
        return cls(**{**stored, "step": Step(stored["step"]), "fault": fault, "base": Traffic(**stored["base"])})
