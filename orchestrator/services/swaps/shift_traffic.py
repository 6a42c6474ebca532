"""The second half of a swap: the new release takes its share, then everything, and is watched meanwhile."""

from collections.abc import Callable
from dataclasses import dataclass, field

from orchestrator.domain.errors import OrchestratorError
from orchestrator.domain.foreign_words import quote_cause
from orchestrator.domain.model import STOCK, Placement, Release, ResidentState
from orchestrator.domain.swap import Fault, Step, Swap, Turn
from orchestrator.domain.swap_rules import blame, homes_of, serving_homes
from orchestrator.domain.traffic import Bounds, Traffic
from orchestrator.pipelines.golden_gate import GoldenGate
from orchestrator.ports.releases import Releases
from orchestrator.ports.residency import Requests
from orchestrator.ports.swaps import Standing

AWAY_S = 60.0


@dataclass(frozen=True, slots=True)
class ShiftTraffic:
    """Each method is a step: one turn, or None to come again. ``traffic`` is that of a release so far.

    ``grace_s`` long the old release stays after all went well, if nobody needs its memory.
    """

    residency: Requests
    releases: Releases
    gate: GoldenGate
    traffic: Callable[[str], Traffic]
    grace_s: float
    bounds: Bounds = field(default_factory=Bounds)

    def watch(self, standing: Standing) -> Turn | None:
        swap = standing.swap
        old, now = self.traffic(swap.old), self.traffic(swap.new)
        new = now.since(swap.base)
        means = {"mean ms": new, "old mean ms": old}
        figures = {
            "answered": new.answered,
            "failed": new.failed,
            **{name: served.mean_ms for name, served in means.items() if served.answered},
        }
        fault, reason = self._complaint(old, new)
        gone = "" if fault else self._gone(swap, for_s=standing.for_s)
        if fault or gone:
            return swap.fail(fault or Fault.GONE, reason or gone, figures=figures)
        if standing.for_s < swap.watch_s or not serving_homes(self.residency.instances(), swap.new):
            return None
        drift = self._drift(swap)
        if drift:
            return swap.fail(Fault.WRONG_OUTPUT, drift, figures=figures)
        if swap.step is Step.SHIFTING:
            return Turn(Step.WATCHING, figures=figures, base=now)
        self._keep_new(swap)
        return Turn(Step.DONE, figures=figures)

    def rest(self, standing: Standing) -> Turn | None:
        """The old release can be had back at once for a while."""
        if not homes_of(self.residency.instances(), standing.swap.old):
            return Turn(Step.VERIFIED)
        return Turn(Step.DRAINING) if standing.for_s >= self.grace_s else None

    def _complaint(self, old: Traffic, new: Traffic) -> tuple[Fault | None, str]:
        if self.bounds.fails(old, new):
            return Fault.FAILS, f"{new.failed:.0f} of {new.failed + new.answered:.0f} requests failed"
        if self.bounds.slows(old, new):
            return Fault.SLOW, f"a request takes {new.mean_ms:.0f} ms, with the old release {old.mean_ms:.0f}"
        return None, ""

    def _gone(self, swap: Swap, *, for_s: float) -> str:
        instances = self.residency.instances()
        if serving_homes(instances, swap.new):
            return ""
        failed = [
            found.error or "it has failed"
            for instance in instances
            for found in instance.residents
            if (found.release, found.state) == (swap.new, ResidentState.FAILED)
        ]
        if failed:
            return failed[0]
        return "nothing serves it any more" if for_s > swap.watch_s + AWAY_S else ""

    def _drift(self, swap: Swap) -> str:
        """The golden samples once more: what was right before traffic came may be wrong since."""
        release = Release.parse(swap.new)
        if release.version == STOCK:
            return ""
        home = Placement(swap.new, serving_homes(self.residency.instances(), swap.new)[0])
        try:
            verdicts = self.gate.judge(self.gate.subject(self.releases.find(release), home))
        except OrchestratorError as error:
            if blame(error) is None:
                raise
            return f"a golden sample: {error}{quote_cause(error)}"
        return "; ".join(found.flaw for found in verdicts if found.flaw)

    def _keep_new(self, swap: Swap) -> None:
        """What was not to be evicted for the old release's sake is so for the new one's."""
        instances = self.residency.instances()
        kept = any(found.is_kept for _, found in homes_of(instances, swap.old))
        for instance, _ in homes_of(instances, swap.new):
            self.residency.keep(instance.address, swap.new, is_kept=kept)
        for instance, _ in homes_of(instances, swap.old):
            self.residency.keep(instance.address, swap.old, is_kept=False)
