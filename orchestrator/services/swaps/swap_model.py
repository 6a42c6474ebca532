"""Swap: another release of a model takes the place of the one that serves. Here it begins; a keeper does it."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from orchestrator.domain.errors import InvalidParams
from orchestrator.domain.model import STOCK, ModelNotFound, Release
from orchestrator.domain.swap import ALL, Swap, SwapInProgress
from orchestrator.domain.swap_rules import may_serve
from orchestrator.ports.releases import Releases
from orchestrator.ports.residency import Requests
from orchestrator.ports.swaps import Standing, Swaps

LOOKS = 5  # more than a swap that has settled goes on: its old release is drained, unloaded, gone


@dataclass(frozen=True, slots=True)
class SwapModel:
    """What cannot begin is refused here; what is wrong with a release is found out later, and told by the swap."""

    swaps: Swaps
    releases: Releases
    residency: Requests
    new_id: Callable[[str], str]

    def swap(self, new: Release, *, by: str, canary: int = ALL, watch_s: float = 0.0) -> Standing:
        """Begin it, in the name of the API key ``by``.

        Raises:
            SwapInProgress: another swap of the model goes on.
            ModelNotFound: there is no such release.
            InvalidParams: it serves already.
        """
        if new.version != STOCK:
            self.releases.find(new)
        elif not may_serve(self.residency.instances(), new.name):
            raise ModelNotFound(f"there is no {new.name} in the repository of any inference server")
        for _ in range(LOOKS):
            last = self.swaps.find(new.model)
            if last and not last.swap.is_settled:
                raise SwapInProgress(f"{last.swap.new} takes the place of {last.swap.old}: {last.swap.step}")
            with suppress(SwapInProgress):  # the last one has just gone on with its tidying up
                return self._begin(new, last, by=by, canary=canary, watch_s=watch_s)
        raise SwapInProgress

    def _begin(self, new: Release, last: Standing | None, *, by: str, canary: int, watch_s: float) -> Standing:
        old = self._serving(new.model)
        if old == new.name:
            raise InvalidParams(f"{new.name} serves already")
        is_first = not self._is_known(old)
        swap_id = self.new_id("swap")
        swap = Swap(swap_id, new.model, old, new.name, by=by, canary=canary, watch_s=watch_s, is_first=is_first)
        begun = self.swaps.begin(swap, instead_of=last)
        self._leave(last, begun.swap)
        return begun

    def _serving(self, model: str) -> str:
        """The release with the largest weight."""
        routes = self.residency.routes(model)
        return max(routes, key=lambda name: routes[name]) if any(routes.values()) else model

    def _is_known(self, name: str) -> bool:
        residents = (resident for instance in self.residency.instances() for resident in instance.residents)
        return any(resident.release == name for resident in residents)

    def _leave(self, last: Standing | None, swap: Swap) -> None:
        """The release that the last swap has kept for a while is nobody's any more, unless it is this one's."""
        if last and not last.swap.is_over and last.swap.old != swap.new:
            self.residency.dismiss(last.swap.old)
