"""Show models: each with its releases, where they are, what they take and how they do."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import structlog

from orchestrator.domain.errors import Unavailable
from orchestrator.domain.model import Instance, ModelNotFound, Release, Resident
from orchestrator.ports.model_figures import Figures, ModelFigures
from orchestrator.ports.residency import Residents

log = structlog.get_logger()

ALL = 100


@dataclass(frozen=True, slots=True)
class Seat:
    """A release on an instance, and what that counts of it: None when it does not say."""

    instance: str
    resident: Resident
    figures: Figures | None = None


@dataclass(frozen=True, slots=True)
class KnownRelease:
    """``weight`` is its share of the runs that begin, of all weights of its model."""

    release: Release
    weight: int
    seats: tuple[Seat, ...]


@dataclass(frozen=True, slots=True)
class KnownModel:
    """Somebody waits for it since ``wanted_ms``, or nobody."""

    name: str
    releases: tuple[KnownRelease, ...]
    wanted_ms: int | None = None


@dataclass(frozen=True, slots=True)
class ShowModels:
    """``figures`` has the counters of each instance, by its address."""

    residency: Residents
    figures: Mapping[str, ModelFigures] = field(default_factory=dict)

    def show(self) -> tuple[KnownModel, ...]:
        """Every model that an owner has found in the repository of its instance, by name.

        Raises:
            Unavailable: the store is away. An instance that is away has no figures.
        """
        instances, wanted = self.residency.instances(), self.residency.wanted()
        seats: dict[str, dict[Release, list[Seat]]] = defaultdict(lambda: defaultdict(list))
        for seat in self._seats(instances):
            release = Release.parse(seat.resident.release)
            seats[release.model][release].append(seat)
        return tuple(self._known(model, seats[model], wanted=wanted) for model in sorted(seats))

    def find(self, name: str) -> KnownModel:
        """The one called ``name``.

        Raises:
            ModelNotFound: no owner has found it.
            Unavailable: as `show`.
        """
        for model in self.show():
            if model.name == name:
                return model
        raise ModelNotFound(f"there is no model {name!r}; GET /v1/models lists them")

    def _known(self, model: str, found: Mapping[Release, Sequence[Seat]], *, wanted: Mapping[str, int]) -> KnownModel:
        weights = self.residency.routes(model) or {model: ALL}
        releases = (
            KnownRelease(release, weights.get(release.name, 0), tuple(found[release])) for release in sorted(found)
        )
        since_ms = [wanted[name] for name in {model, *(release.wanted_name for release in found)} if name in wanted]
        return KnownModel(model, tuple(releases), min(since_ms, default=None))

    def _seats(self, instances: Sequence[Instance]) -> Iterator[Seat]:
        if not instances:
            return
        with ThreadPoolExecutor(len(instances), thread_name_prefix="figures") as pool:
            for instance, figures in zip(instances, pool.map(self._figures_of, instances), strict=True):
                for resident in instance.residents:
                    counted = None if figures is None else figures.get(resident.release, Figures())
                    yield Seat(instance.address, resident, counted)

    def _figures_of(self, instance: Instance) -> Mapping[str, Figures] | None:
        counters = self.figures.get(instance.address)
        try:
            return counters.read() if counters else None
        except Unavailable as error:
            log.warning("figures.unread", instance=instance.address, error=str(error))
            return None
