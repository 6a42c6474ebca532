"""The end of a swap: the release that lost leaves memory once no run uses it, and what serves is there."""

from dataclasses import dataclass

from orchestrator.domain.model import Release
from orchestrator.domain.swap import Step, Turn
from orchestrator.domain.swap_rules import has_failed, homes_of, serving_homes
from orchestrator.ports.residency import Requests
from orchestrator.ports.swaps import Standing


@dataclass(frozen=True, slots=True)
class RetireRelease:
    """Each method is a step: one turn, or None to come again. Nothing is unloaded here: its owner is told."""

    residency: Requests

    def drain(self, standing: Standing) -> Turn | None:
        return None if self._close(standing.swap.old) else Turn(Step.UNLOADING, figures=self._used_bytes("before"))

    def unload(self, standing: Standing) -> Turn | None:
        self._close(standing.swap.old)
        if homes_of(self.residency.instances(), standing.swap.old):
            return None
        return Turn(Step.VERIFIED, figures=self._used_bytes("after"))

    def roll_back(self, standing: Standing) -> Turn | None:
        """Runs take the old release since this step began; here it is made sure that they find it, and room for it."""
        swap = standing.swap
        for instance, _ in homes_of(self.residency.instances(), swap.new):
            self.residency.keep(instance.address, swap.new, is_kept=False)
        self._close(swap.new)
        instances = self.residency.instances()
        if not swap.is_first and not has_failed(instances, swap.old) and not serving_homes(instances, swap.old):
            self.residency.want(Release.parse(swap.old).wanted_name)
            return None
        return Turn(Step.ROLLED_BACK if swap.has_shifted else Step.REFUSED)

    def _close(self, release: str) -> int:
        """No run begins with it any more; how many use it still."""
        homes = homes_of(self.residency.instances(), release)
        self.residency.dismiss(release)
        return sum(self.residency.close(instance.address, release) for instance, _ in homes)

    def _used_bytes(self, when: str) -> dict[str, float]:
        return {f"used bytes {when}": sum(instance.used_bytes for instance in self.residency.instances())}
