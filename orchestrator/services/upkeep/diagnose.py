"""Diagnose: everything that a person wants to know about the store when something seems wrong, and nothing changed."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

from orchestrator.domain.owner import Owner
from orchestrator.domain.pause import Pause
from orchestrator.ports.inspection import DutyHolder, Inspection, Lease, Look, PlaceCount, ProjectUse, StoreFacts, Turn
from orchestrator.ports.upkeep import LaneLoad

PROJECTS_AND_LEASES = 500
LAPSING_S = 5.0
SILENT_S = 5.0


@dataclass(frozen=True, slots=True)
class LaneReport:
    """A lane: what waits, for how long, how many pulses are on their way, and who is next.

    ``predicted_s`` of work is done at ``pace`` seconds of it in a second. Of a lane in which nothing waits nobody asks
    whether it ``is_served``.
    """

    lane: str
    ready: int
    oldest_wait_s: float
    predicted_s: float
    pace: float | None
    pulses: int
    is_served: bool
    turn: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class OwnerReport:
    """A worker process that holds runs. It beats them all at once, and did so ``silent_s`` ago.

    ``state`` is ``alive``, ``silent``, or ``gone`` when no worker of its node gives a sign of life either.
    """

    owner: str
    runs: int
    silent_s: float
    state: str


@dataclass(frozen=True, slots=True)
class Report:
    """All of it."""

    store: StoreFacts
    places: tuple[PlaceCount, ...]
    lanes: tuple[LaneReport, ...]
    paused: tuple[Pause, ...]
    projects: tuple[ProjectUse, ...]
    owners: tuple[OwnerReport, ...]
    lapsing: tuple[Lease, ...]
    duties: tuple[DutyHolder, ...]
    audit: Look


@dataclass(frozen=True, slots=True)
class Diagnose:
    """``pulses`` counts the pulses that wait in a lane."""

    inspection: Inspection
    pulses: Callable[[str], int]
    duties: tuple[str, ...]
    lanes: tuple[str, ...]
    lease_s: float

    def report(self, *, limit: int) -> Report:
        """Look at the store, at about ``limit`` of its keys and entries one by one."""
        seen = self.inspection.occupancy(limit=PROJECTS_AND_LEASES)
        lanes = self._lanes(seen.turns)
        ready = PlaceCount("ready", sum(lane.ready for lane in lanes), 0)
        return Report(
            store=self.inspection.facts(),
            places=(ready, *seen.places),
            lanes=lanes,
            paused=self.inspection.paused(),
            projects=seen.uses,
            owners=self._owners(seen.leases),
            lapsing=tuple(lease for lease in seen.leases if lease.left_s < min(LAPSING_S, self.lease_s / 2)),
            duties=self.inspection.holders(self.duties),
            audit=self.inspection.look(limit=limit),
        )

    def _lanes(self, turns: tuple[Turn, ...]) -> tuple[LaneReport, ...]:
        loads = {lane: LaneLoad(lane, 0, 0.0) for lane in self.lanes}
        loads.update((load.lane, load) for load in self.inspection.load())
        order = {turn.lane: turn.projects for turn in turns}
        return tuple(
            LaneReport(
                lane,
                ready=load.ready,
                oldest_wait_s=load.oldest_wait_s,
                predicted_s=load.predicted_s,
                pace=load.pace,
                pulses=self.pulses(lane),
                is_served=load.is_served,
                turn=order.get(lane, ()),
            )
            for lane, load in sorted(loads.items())
        )

    def _owners(self, leases: tuple[Lease, ...]) -> tuple[OwnerReport, ...]:
        held: dict[str, list[Lease]] = defaultdict(list)
        for lease in leases:
            held[lease.owner].append(lease)
        living = self.inspection.living_nodes(frozenset(map(_node_of, held)))
        return tuple(self._owner(owner, held[owner], living=living) for owner in sorted(held))

    def _owner(self, owner: str, leases: list[Lease], *, living: frozenset[str]) -> OwnerReport:
        silent_s = max(0.0, self.lease_s - max(lease.left_s for lease in leases))
        quiet = "silent" if _node_of(owner) in living else "gone"
        is_alive = owner and silent_s < SILENT_S  # a lease without a record has no owner
        return OwnerReport(owner, len(leases), silent_s, state="alive" if is_alive else quiet)


def _node_of(owner: str) -> str:
    return Owner.parse(owner).node if owner.count(":") >= 2 else owner  # noqa: PLR2004 - node:pid:start
