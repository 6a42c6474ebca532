"""A look into the store for people who want to know what is wrong. Every call is bounded and changes nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from orchestrator.domain.limits import Quotas
from orchestrator.domain.pause import Pause
from orchestrator.ports.upkeep import Find, LaneLoad


@dataclass(frozen=True, slots=True)
class PlaceCount:
    """How many tasks are in an index. ``overdue`` ones have passed their time, and a keeper should have moved them."""

    place: str
    tasks: int
    overdue: int


@dataclass(frozen=True, slots=True)
class Turn:
    """Who is next in a lane: projects with their start tags, the smallest first."""

    lane: str
    projects: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Lease:
    """A run's hold on its task; negative ``left_s`` is a lapse that nobody has noticed yet."""

    task_id: str
    owner: str
    left_s: float


@dataclass(frozen=True, slots=True)
class ProjectUse:
    """What a project uses of what it may have. ``at_quota_in`` are the lanes in which it waits for its own runs."""

    project: str
    running: int
    queued: int
    gpu_s: float
    stored_bytes: int
    quotas: Quotas
    at_quota_in: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Occupancy:
    """What is where, at one moment. ``leases`` are those that end soonest; ``uses`` of projects that have work."""

    places: tuple[PlaceCount, ...]
    turns: tuple[Turn, ...]
    leases: tuple[Lease, ...]
    uses: tuple[ProjectUse, ...]


@dataclass(frozen=True, slots=True)
class DutyHolder:
    """Who may run a duty now; empty when nobody has taken it, and then no keeper runs it."""

    duty: str
    holder: str
    left_s: float


@dataclass(frozen=True, slots=True)
class StoreFacts:
    """How the store keeps what it is given. Zero ``max_bytes`` is no limit."""

    version: str
    uptime_s: int
    keys: int
    used_bytes: int
    max_bytes: int
    eviction: str
    has_aof: bool
    fsync: str


@dataclass(frozen=True, slots=True)
class Look:
    """What audit would mend. ``is_whole`` says that everything was looked at, not only the first ``looked``."""

    looked: int
    is_whole: bool
    finds: tuple[Find, ...]
    schemas: Mapping[str, int]


class Inspection(Protocol):
    """What `orchestrator doctor` asks."""

    def facts(self) -> StoreFacts:
        """How the store is set up."""
        ...

    def load(self) -> tuple[LaneLoad, ...]:
        """What waits in each lane."""
        ...

    def occupancy(self, *, limit: int) -> Occupancy:
        """The places, at most ``limit`` projects of each turn, and at most ``limit`` leases."""
        ...

    def paused(self) -> tuple[Pause, ...]:
        """What may not be claimed, by order of somebody."""
        ...

    def holders(self, duties: tuple[str, ...]) -> tuple[DutyHolder, ...]:
        """Who holds each of ``duties``."""
        ...

    def living_nodes(self, nodes: frozenset[str]) -> frozenset[str]:
        """Those of ``nodes`` whose workers have given a sign of life lately."""
        ...

    def look(self, *, limit: int) -> Look:
        """The audit's walk over about ``limit`` keys and entries from the start, in small steps, mending nothing."""
        ...
