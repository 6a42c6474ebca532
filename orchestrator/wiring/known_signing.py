"""What signs webhooks, remembered for a moment: it was asked for with every message, as dear as the sending itself."""

from collections.abc import Callable
from typing import TypeVar

from orchestrator.domain.webhook import Endpoint, EndpointChange, Secrets
from orchestrator.ports.clock import Clock
from orchestrator.ports.webhooks import FoundEndpoint, Signing

KNOWN_FOR_S = 1.0  # a secret that is taken back, or an endpoint that is gone, is used for so long at most
MOST_KNOWN = 1000

K = TypeVar("K")
T = TypeVar("T")


class KnownSigning:
    """Implements `ports.webhooks.Signing` before another. Threads that ask at one moment may ask twice, no more."""

    def __init__(self, signing: Signing, clock: Clock) -> None:
        self._signing = signing
        self._clock = clock
        self._endpoints: dict[tuple[str, str], tuple[float, FoundEndpoint]] = {}
        self._own: dict[str, tuple[float, Secrets]] = {}

    def unseal(self, project: str, endpoint_id: str) -> FoundEndpoint:
        return self._known(
            self._endpoints, (project, endpoint_id), ask=lambda: self._signing.unseal(project, endpoint_id)
        )

    def own_secrets(self, project: str, *, otherwise: bytes) -> Secrets:
        return self._known(self._own, project, ask=lambda: self._signing.own_secrets(project, otherwise=otherwise))

    def change(self, project: str, endpoint_id: str, *, change: EndpointChange) -> Endpoint:
        self._endpoints.pop((project, endpoint_id), None)
        return self._signing.change(project, endpoint_id, change=change)

    def _known(self, of: dict[K, tuple[float, T]], key: K, *, ask: Callable[[], T]) -> T:
        known = of.get(key)
        if known is not None and self._clock.monotonic_s() < known[0]:
            return known[1]
        if len(of) >= MOST_KNOWN:
            of.clear()
        found = ask()
        of[key] = (self._clock.monotonic_s() + KNOWN_FOR_S, found)
        return found
