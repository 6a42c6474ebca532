"""Ask owners: an operator wants a model loaded, unloaded or kept. Only the owner of an instance acts (ADR 0045)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import structlog

from orchestrator.domain.model import ModelNotFound, Release, Resident, ResidentState
from orchestrator.ports.residency import Requests

log = structlog.get_logger()

Wish = Literal["load", "unload", "pin", "unpin"]


@dataclass(frozen=True, slots=True)
class AskOwners:
    """Says what is wished; the owners hear of it within a second."""

    residency: Requests

    def ask(self, wish: Wish, name: str, *, by: str) -> None:
        """``name`` is a release, or a model: then all its releases are meant, and of `load` those that runs may take.

        Raises:
            ModelNotFound: no owner has found it.
            Unavailable: the store is away.
        """
        found = list(self._find(name))
        if not found:
            raise ModelNotFound(f"there is no model {name!r}; GET /v1/models lists them")
        log.info("model.asked", wish=wish, name=name, by=by)
        if wish == "load":
            self.residency.want(name)
        elif wish == "unload":
            for release in {resident.release for _, resident in found if resident.state is not ResidentState.UNLOADED}:
                self.residency.dismiss(release)
        else:
            for instance, resident in found:
                self.residency.keep(instance, resident.release, is_kept=wish == "pin")

    def _find(self, name: str) -> Iterator[tuple[str, Resident]]:
        for instance in self.residency.instances():
            for resident in instance.residents:
                if name in {resident.release, Release.parse(resident.release).model}:
                    yield instance.address, resident
