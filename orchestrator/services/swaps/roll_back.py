"""Roll back: the release before serves again, at once if it is still there."""

from collections.abc import Callable
from dataclasses import dataclass

from orchestrator.domain.model import Release
from orchestrator.domain.swap import SETTLED, Fault, NothingToRollBack, Step, SwapInProgress
from orchestrator.domain.swap_rules import serving_homes
from orchestrator.ports.residency import Residents
from orchestrator.ports.swaps import Standing, Swaps

REASON = "an operator has asked for it"
LOOKS = 5  # a keeper may take it a step further between the look and the word
BACK = frozenset({Step.ROLLING_BACK, Step.ROLLED_BACK, Step.REFUSED})


@dataclass(frozen=True, slots=True)
class RollBack:
    """``swap_back`` begins a swap like any other, to a release that has to be loaded again."""

    swaps: Swaps
    residency: Residents
    swap_back: Callable[[Release, str], Standing]

    def roll_back(self, model: str, *, by: str) -> Standing:
        """In the name of the API key ``by``. Of a swap that goes on it is the end.

        Raises:
            NothingToRollBack: there is no release before this one.
            SwapInProgress: others do something about it all the time.
        """
        for _ in range(LOOKS):
            last = self.swaps.find(model)
            if last is None or last.swap.step in BACK:
                raise NothingToRollBack
            swap = last.swap
            is_there = bool(serving_homes(self.residency.instances(), swap.old))
            if swap.step in SETTLED and not (swap.step is Step.DONE and is_there):
                return self.swap_back(Release.parse(swap.old), by)
            if moved := self.swaps.move(last, swap.fail(Fault.ASKED, REASON), by=by):
                return moved
        raise SwapInProgress
