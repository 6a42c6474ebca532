"""Swaps of releases: which service does which step, and what they stand on (ADR 0048)."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from orchestrator.adapters.redis.residency import RedisResidency
from orchestrator.adapters.redis.scripts import Scripts
from orchestrator.adapters.redis.swaps import RedisSwaps
from orchestrator.adapters.sortable_ids import new_id
from orchestrator.domain.manifest import Manifest
from orchestrator.domain.swap import Step
from orchestrator.domain.traffic import NONE, Bounds, Traffic
from orchestrator.ports.model_figures import Figures, ModelFigures
from orchestrator.ports.releases import Releases
from orchestrator.ports.residency import Residency
from orchestrator.ports.swaps import Swaps
from orchestrator.services.models.sync_release import SyncRelease
from orchestrator.services.swaps.advance_swaps import AdvanceSwaps, TakeTurn
from orchestrator.services.swaps.retire_release import RetireRelease
from orchestrator.services.swaps.roll_back import RollBack
from orchestrator.services.swaps.serve_first import ServeFirst
from orchestrator.services.swaps.shift_traffic import ShiftTraffic
from orchestrator.services.swaps.stage_release import StageRelease
from orchestrator.services.swaps.swap_model import SwapModel
from orchestrator.settings import Settings
from orchestrator.wiring.gate import build_gate
from orchestrator.wiring.instances import build_figures, build_stored_releases, build_syncs

MOST_AT_ONCE = 8  # of models whose releases are swapped


@dataclass(frozen=True, slots=True)
class SwapParts:
    """What the front door needs of swaps; ``watch_s`` is for those that say nothing of it."""

    swaps: Swaps
    swap: SwapModel
    roll_back: RollBack
    serve_first: ServeFirst
    watch_s: float


@dataclass(frozen=True, slots=True)
class SwapPorts:
    """The outside as the keeper reaches it. An instance without a warden has its files from elsewhere."""

    swaps: Swaps
    residency: Residency
    releases: Releases
    syncs: Mapping[str, SyncRelease]
    figures: Mapping[str, ModelFigures]

    def bring(self, instance: str, manifest: Manifest) -> None:
        if instance in self.syncs:
            self.syncs[instance].fetch(manifest)

    def problems(self, instance: str, release: str) -> Sequence[str]:
        return self.syncs[instance].problems(release) if instance in self.syncs else ()

    def traffic(self, release: str) -> Traffic:
        """Of the release on all instances."""
        counted = (figures.read().get(release, Figures()) for figures in self.figures.values())
        return sum((Traffic(each.succeeded, each.failed, each.infer_s) for each in counted), NONE)


def build_swap_parts(settings: Settings, scripts: Scripts, *, releases: Releases) -> SwapParts:
    swaps, residency = RedisSwaps(scripts), RedisResidency(scripts)
    swap = SwapModel(swaps, releases, residency, new_id)
    roll_back = RollBack(swaps, residency, lambda release, by: swap.swap(release, by=by))
    serve_first = ServeFirst(residency, lambda release, by: swap.swap(release, by=by))
    return SwapParts(swaps, swap, roll_back, serve_first, settings.models.watch.total_seconds())


def build_swap_ports(settings: Settings, scripts: Scripts) -> SwapPorts:
    syncs, figures = build_syncs(settings, scripts), build_figures(settings)
    releases = build_stored_releases(settings)
    return SwapPorts(RedisSwaps(scripts), RedisResidency(scripts), releases, syncs, figures)


def build_swap_duty(settings: Settings, ports: SwapPorts) -> AdvanceSwaps:
    models = settings.models
    gate, bounds = build_gate(settings, ports.releases), Bounds(slower=models.slower)
    stage = StageRelease(ports.residency, ports.releases, gate, ports.bring, ports.problems, ports.traffic, bounds)
    grace_s = models.old_kept.total_seconds()
    shift = ShiftTraffic(ports.residency, ports.releases, gate, ports.traffic, grace_s, bounds)
    turns = build_turns(stage=stage, shift=shift, retire=RetireRelease(ports.residency))
    return AdvanceSwaps(ports.swaps, turns, ThreadPoolExecutor(MOST_AT_ONCE, thread_name_prefix="swaps"))


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
