"""Serve first: the first release of a model takes no other's place, so it serves without being asked for (ADR 0048)."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import structlog

from orchestrator.domain.model import Release
from orchestrator.domain.swap import SwapInProgress
from orchestrator.ports.residency import Residents
from orchestrator.ports.swaps import Standing

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ServeFirst:
    """``begin`` begins a swap like any other, with everything that a release is judged by."""

    residency: Residents
    begin: Callable[[Release, str], Standing]

    def serve(self, release: Release, *, by: str) -> None:
        """Begin, in the name of the API key ``by``, if nothing of the model serves or ever could. Again is harmless.

        Raises:
            Unavailable: the store is away.
        """
        if self._is_first(release.model):
            log.info("swap.first", release=release.name, by=by)
            with suppress(SwapInProgress):
                self.begin(release, by)

    def _is_first(self, model: str) -> bool:
        """Where no owner has said yet what its server has, nobody can tell."""
        known = [each for each in self.residency.instances() if each.is_well or each.residents]
        is_stock = any(resident.release == model for instance in known for resident in instance.residents)
        return bool(known) and not is_stock and not any(self.residency.routes(model).values())
