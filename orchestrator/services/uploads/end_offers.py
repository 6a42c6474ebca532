"""End offers: of uploads that can no longer arrive, keep counting what has, and give the bytes of the others back."""

from dataclasses import dataclass

import structlog

from orchestrator.domain.errors import InputNotFound, OrchestratorError
from orchestrator.ports.storage import ObjectStorage
from orchestrator.ports.upkeep import EndedOffer, Upkeep

log = structlog.get_logger()

ENDED_A_TICK = 100


@dataclass(frozen=True, slots=True)
class EndOffers:
    """A duty. Storage alone knows what has come, so it is asked once about each upload that no task has used."""

    upkeep: Upkeep
    storage: ObjectStorage

    def tick(self) -> None:
        for offer in self.upkeep.ended_offers(limit=ENDED_A_TICK):
            try:
                self._end(offer)
            except OrchestratorError as error:  # that store is away, and will be for the others as well
                log.warning("offer.stuck", key=offer.key, error=str(error))
                return

    def _end(self, offer: EndedOffer) -> None:
        if offer.is_lasting:
            self.upkeep.end_offer(offer.key, has_arrived=self._is_there(offer.key))
        else:
            self.storage.delete(offer.key)
            self.upkeep.forget_upload(offer.key)

    def _is_there(self, key: str) -> bool:
        try:
            self.storage.head(key)
        except InputNotFound:
            return False
        return True
