"""Swaps of releases: which service does which step, and what they stand on (ADR 0048)."""

from collections.abc import Mapping

from orchestrator.domain.swap import Step
from orchestrator.services.advance_swaps import TakeTurn
from orchestrator.services.retire_release import RetireRelease
from orchestrator.services.shift_traffic import ShiftTraffic
from orchestrator.services.stage_release import StageRelease


def build_turns(*, stage: StageRelease, shift: ShiftTraffic, retire: RetireRelease) -> Mapping[Step, TakeTurn]:
    """Every step but the last ones."""
    return {
        Step.FETCHING: stage.fetch,
        Step.CHECKING: stage.check,
        Step.HANDING_OVER: stage.hand_over,
        Step.LOADING: stage.load,
        Step.WARMING: stage.warm_up,
        Step.JUDGING: stage.judge,
        Step.SHIFTING: shift.watch,
        Step.WATCHING: shift.watch,
        Step.DONE: shift.rest,
        Step.DRAINING: retire.drain,
        Step.UNLOADING: retire.unload,
        Step.ROLLING_BACK: retire.roll_back,
    }
