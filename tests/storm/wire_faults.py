"""Faults of the wire between a node and Redis: replies are lost, connections reset or silent."""

import threading
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

from faults import Fault, Loss
from live_stack import LEASE_S
from proxied_node import Outside, ProxiedNode
from redis_faults import Command, is_script, lost_claims, lost_pulses
from storm.ledger import Ledger
from storm.storm import Inject, Target


@dataclass(frozen=True, slots=True)
class WireFaults:
    """Injects faults by the proxies of a node, and tells the ledger; with ``open_ends`` none waits for its victim.

    Connections are not left half-open here: a worker waits 5 s for a reply, and the lease of the tests is 3 s.
    """

    outside: Outside
    ledger: Ledger
    open_ends: ExitStack

    @property
    def by_kind(self) -> Mapping[str, Inject]:
        """How each kind of fault is injected; a roll in [0, 1) decides what is left to decide."""
        faults: Mapping[str, Inject] = {
            "claim reply lost": lambda _: self._make(lost_claims(1)),
            "pulse lost": lambda _: self._make(lost_pulses(1)),
            "commit reply lost": lambda _: self._make(Loss(matches=is_script("finish", "fail"), times=1)),
            "submit reply lost": lambda _: self._make(Loss(matches=is_script("submit"), times=1)),
            "connections reset": lambda _: self.outside.redis.reset(),
            "redis silent": self.silence_redis,
        }
        return {kind: partial(self._inject, kind, inject) for kind, inject in faults.items()}

    def silence_redis(self, roll: float) -> None:
        """For less than a lease, or for longer."""
        thaw = ExitStack()
        thaw.enter_context(self.outside.redis.frozen())
        threading.Timer(LEASE_S * (0.3 if roll < 1 / 2 else 1.5), thaw.close).start()

    def _make(self, fault: Fault[Command]) -> None:
        self.open_ends.enter_context(self.outside.redis_faults.making(fault))

    def _inject(self, kind: str, inject: Inject, *roll: float) -> None:
        self.ledger.strike(kind)
        inject(*roll)


def aim_at_wires(node: ProxiedNode, ledger: Ledger, *, open_ends: ExitStack) -> Target:
    """The node as the target of a storm."""
    faults = WireFaults(node.outside, ledger, open_ends).by_kind
    return Target(node.about.api, node.about.api_key, node.store, ledger, faults)
